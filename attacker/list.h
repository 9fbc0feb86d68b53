X(knockoff)
X(activethief)
X(jbda)
X(jbda_tr)
