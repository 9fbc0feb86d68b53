/* Matrix products: the only way to OpenBLAS. */
#ifndef HEIST_NN_BLAS_H
#define HEIST_NN_BLAS_H

enum blas_op { BLAS_PLAIN, BLAS_TRANSPOSE };

/* C [m][n] = alpha op(A) [m][k] op(B) [k][n] + beta C, row-major, leading dimensions in numbers. Runs on the
 * calling thread alone: our own loops are parallel, and a result must not depend on the number of threads. */
void blas_gemm(enum blas_op a_op, enum blas_op b_op, int m, int n, int k, float alpha, const float *a, int lda,
               const float *b, int ldb, float beta, float *c, int ldc);

/* OpenBLAS picks its kernels when it is loaded, from what it knows of processors; one newer than the library gets
 * its oldest kernels. The core it should run with then (main() sets OPENBLAS_CORETYPE and starts anew), or NULL where it
 * chose well or the user has set that variable. */
const char *blas_wanted(void);

/* For `heist doctor` and the manifest. */
const char *blas_core(void);   /* the kernels in use: "Haswell" */
const char *blas_config(void); /* version and build options */
const char *blas_best(void);   /* the newest core name this processor has the instructions for */
const char *blas_choice(void); /* who chose: "user" (environment), "heist" (re-executed), "OpenBLAS" */
int blas_level(const char *core); /* how new its kernels are: 3 AVX-512, 2 AVX2, 1 AVX, 0 older or unknown */
int blas_openmp(void);         /* is this the OpenMP build? */

/* As blas_gemm without transposition, by OpenBLAS's own threads: for measuring only. */
void blas_gemm_threads(int threads, int n, const float *a, const float *b, float *c);

#endif
