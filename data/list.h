/* The data formats: X(idx) is `struct dataset_format idx_format` in data/idx.c. */
X(idx)
X(cifar)
X(mat)
X(npy)
X(csv)
X(images)
X(synthetic)
