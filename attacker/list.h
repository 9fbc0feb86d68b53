X(knockoff)
X(jbda)
X(jbda_tr)
