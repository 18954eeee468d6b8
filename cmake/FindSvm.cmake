# libsvm, whose header lies in a folder of its own on Debian.
find_path(SVM_INCLUDE_DIR svm.h PATH_SUFFIXES libsvm)
find_library(SVM_LIBRARY svm)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Svm REQUIRED_VARS SVM_LIBRARY SVM_INCLUDE_DIR)
if(Svm_FOUND AND NOT TARGET Svm::Svm)
  add_library(Svm::Svm UNKNOWN IMPORTED)
  set_target_properties(Svm::Svm PROPERTIES IMPORTED_LOCATION ${SVM_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${SVM_INCLUDE_DIR})
endif()
