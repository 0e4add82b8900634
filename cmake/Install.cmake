# What `cmake --install` puts where, and the Debian package of `cpack -G DEB`. docs/install.md says the same for users.
include(GNUInstallDirs)

install(TARGETS holdfast RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
# The program looks for both from where it is itself (rpc_module.cc, runtime.cc).
cmake_path(SET module_directory NORMALIZE "${CMAKE_INSTALL_BINDIR}/../lib/holdfast")
install(TARGETS holdfast_grpc LIBRARY DESTINATION "${module_directory}")
if(Java_JAVAC_EXECUTABLE)
  cmake_path(SET jar_directory NORMALIZE "${CMAKE_INSTALL_BINDIR}/../share/holdfast")
  install(FILES "${HOLDFAST_ROWS_JAR}" DESTINATION "${jar_directory}")
endif()

install(FILES "${HOLDFAST_GENERATED}/holdfast" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES "${HOLDFAST_GENERATED}/_holdfast" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
install(FILES "${HOLDFAST_GENERATED}/holdfast.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
install(DIRECTORY "${HOLDFAST_GENERATED}/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")

# Templates: none of them runs before somebody enables it for an instance.
install(DIRECTORY "${CMAKE_SOURCE_DIR}/contrib/systemd/" DESTINATION lib/systemd/system
  FILES_MATCHING PATTERN "*.service" PATTERN "*.timer")

install(FILES README.md ARCHITECTURE.md CHANGELOG.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# The package. Its dependencies are those that dpkg-shlibdeps finds, with the module's.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR Holdfast)
set(CPACK_PACKAGE_CONTACT "Holdfast maintainers <root@localhost>" CACHE STRING "Maintainer of the package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "backup and restore of whole application instances")
set(CPACK_PACKAGE_DESCRIPTION
"Holdfast backs up, restores and proves whole application instances: all
databases and files of one application, at one consistent moment, into an
encrypted, deduplicated repository in the format of restic.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
  "restic, default-jre-headless, postgresql-client, mariadb-client, tdsodbc")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_SOURCE_DIR}/cmake/DebianPackage.cmake")
include(CPack)
