# Every library Holdfast stands on, each from a Debian package, with the reason it was chosen.
find_package(PkgConfig REQUIRED)
# libssl-dev: AES, SHA-256, Poly1305, scrypt; the most reviewed implementation with assembly for every CPU.
find_package(OpenSSL 3.0 REQUIRED)
# libzstd-dev: the reference implementation of the only compression restic's format knows.
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
# libsimdjson-dev: reads index files and trees, the bulk of all parsing, at gigabytes per second.
find_package(simdjson REQUIRED)
# libtomlplusplus-dev: TOML with the line and column of every value, which our error messages need.
find_package(tomlplusplus REQUIRED)
# libexpat1-dev: XML with a handler for each entity that a document declares, so that we can refuse them; and the
# line of every element, which our error messages need.
pkg_check_modules(expat REQUIRED IMPORTED_TARGET expat)
# libfmt-dev: std::format is not in GCC 12.
find_package(fmt REQUIRED)
# libarchive-dev: tar (pax, with xattrs) and zip output for `dump`.
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
# zlib1g-dev, liblz4-dev: with zstd, the compressions of the files that pg_dump makes.
find_package(ZLIB REQUIRED)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
# libsqlite3-dev: the sqlite engine.
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
# libpq-dev: the postgresql engine; the server's own client library, which every version talks to.
pkg_check_modules(pq REQUIRED IMPORTED_TARGET libpq)
# libmariadb-dev: the mariadb engine; its Connector/C speaks to MariaDB and MySQL, and its handler for local
# files lets LOAD DATA read from memory.
pkg_check_modules(mariadb REQUIRED IMPORTED_TARGET libmariadb)
# librocksdb-dev: the keys of TypeDB 2, whose tables it reads without the server's lock; TypeDB 3 writes newer ones.
pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
# libxxhash-dev: XXH3, the checksum of blocks in the tables of TypeDB 3.
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
# libgrpc++-dev: calls of TypeDB's servers, which offer exports by gRPC alone; the library that defines what gRPC is
# (docs/adr/0009). Not its code generator, nor protobuf.
pkg_check_modules(grpcpp REQUIRED IMPORTED_TARGET grpc++)
# unixodbc-dev: the sqlserver engine; loads FreeTDS's driver or Microsoft's, whichever is installed.
pkg_check_modules(odbc REQUIRED IMPORTED_TARGET odbc)
# libmicrohttpd-dev, libgnutls28-dev: the receiver that SQL Server writes its backups to speaks HTTPS.
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(gnutls REQUIRED IMPORTED_TARGET gnutls)
if(HOLDFAST_TESTS)
  # libgtest-dev: unit and contract tests.
  find_package(GTest REQUIRED)
endif()
