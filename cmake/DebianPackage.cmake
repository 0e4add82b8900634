# Makes of what was installed for the package what Debian's policy wants: manuals and changelogs compressed, the copyright in
# a file of that name, zsh's functions where packages put them. Run by cpack (CPACK_PRE_BUILD_SCRIPTS).
set(usr "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr")
set(doc "${usr}/share/doc/holdfast")

file(RENAME "${usr}/share/zsh/site-functions" "${usr}/share/zsh/vendor-completions")

file(WRITE "${doc}/copyright"
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: holdfast

Files: *
Copyright: the authors of Holdfast
License: Apache-2.0
 On Debian systems the text of this licence is in
 /usr/share/common-licenses/Apache-2.0.
")
file(REMOVE "${doc}/LICENSE")

file(RENAME "${doc}/CHANGELOG.md" "${doc}/changelog")
# The date of the build; SOURCE_DATE_EPOCH makes it another one.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE "${doc}/changelog.Debian"
"holdfast (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Release ${CPACK_PACKAGE_VERSION}; what is new is in changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(GLOB manuals "${usr}/share/man/man1/*.1")
execute_process(COMMAND gzip -9n -- ${manuals} "${doc}/changelog" "${doc}/changelog.Debian" COMMAND_ERROR_IS_FATAL ANY)
file(GLOB made "${doc}/copyright" "${doc}/*.gz" "${usr}/share/man/man1/*.gz")
file(CHMOD ${made} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
