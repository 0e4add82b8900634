# SPDX-License-Identifier: Apache-2.0
"""What a driver of the vendor's sees of a server: lists, exports, imports, defines, removes.

  typedb_driver.py ADDRESS DIRECTORY

One line for each answer, which a test compares. Files go to DIRECTORY. The drivers of 2.x cannot export; to 2.18
they were named clients.
"""

import os
import sys


def connect_2(typedb, address):
    if hasattr(typedb.TypeDB, "core_client"):
        return typedb.TypeDB.core_client(address)
    return typedb.TypeDB.core_driver(address)


def connect_3(typedb, address):
    if hasattr(typedb, "DriverTlsConfig"):
        options = typedb.DriverOptions(typedb.DriverTlsConfig.disabled())
    else:
        options = typedb.DriverOptions(is_tls_enabled=False)
    return typedb.TypeDB.driver(address, typedb.Credentials("admin", "password"), options)


def value_of(member):
    """What is a property in one release, and a method in another."""
    return member() if callable(member) else member


def names(driver):
    return " ".join(sorted(value_of(database.name) for database in value_of(driver.databases).all()))


def common(driver):
    databases = value_of(driver.databases)
    print("databases", names(driver))
    print("contains", databases.contains("shop"), databases.contains("absent"))
    print("schema", " ".join(databases.get("shop").schema().split()))
    databases.create("new")
    print("created", names(driver))
    databases.get("new").delete()
    print("removed", names(driver))
    try:
        databases.get("absent").schema()
        print("absent is there")
    except Exception as error:  # of another class in each release
        print("absent:", " ".join(str(error).split()))


def export_and_import(driver, directory):
    schema_file, data_file = (os.path.join(directory, name) for name in ("schema.tql", "data.typedb"))
    driver.databases.get("shop").export_to_file(schema_file, data_file)
    with open(schema_file, encoding="utf-8") as file:
        schema = file.read()
    print("exported", os.path.getsize(schema_file), os.path.getsize(data_file))
    driver.databases.import_from_file("copy", schema, data_file)
    print("imported", names(driver))
    try:
        driver.databases.import_from_file("copy", schema, data_file)
        print("imported twice")
    except Exception as error:
        print("twice:", " ".join(str(error).split()))


def main():
    address, directory = sys.argv[1:]
    try:
        import typedb.driver as typedb
    except ImportError:
        import typedb.client as typedb
    if hasattr(typedb, "Credentials"):
        driver = connect_3(typedb, address)
        common(driver)
        export_and_import(driver, directory)
        if hasattr(driver, "server_version"):
            version = driver.server_version()
            print("version", version.distribution, version.version)
    else:
        driver = connect_2(typedb, address)
        common(driver)
        with driver.session("shop", typedb.SessionType.SCHEMA) as session:
            print("session", session.is_open())
    driver.close()
    print("done")


main()
