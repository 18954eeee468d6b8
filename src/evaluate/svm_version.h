/* svm_version.h - the version of libsvm that is linked. */
#ifndef LETHE_EVALUATE_SVM_VERSION_H
#define LETHE_EVALUATE_SVM_VERSION_H

/* "3.24"; lent. */
const char *lethe__svm_version(void);

#endif
