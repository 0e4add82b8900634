// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.File;
import java.io.IOException;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;

/** What the jars beside ours say of themselves. */
final class Drivers {
  private static final int DERBY_FIX_UNITS = 1_000_000;

  private Drivers() {}

  /** The version of the first jar that has one, without opening any database; else empty. */
  static String version() {
    for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
      try (JarFile jar = new JarFile(path)) {
        Manifest manifest = jar.getManifest();
        String version = manifest == null ? "" : versionOf(manifest.getMainAttributes());
        if (!version.isEmpty()) {
          return version;
        }
      } catch (IOException unreadable) {
        System.err.println(path + ": " + unreadable.getMessage());
      }
    }
    return "";
  }

  // H2 has Implementation-Version: 2.1.214. Derby has Bundle-Version: 10.14.2000000.1828579, whose
  // third number holds the fix in its millions.
  private static String versionOf(Attributes attributes) {
    String own = attributes.getValue("Implementation-Version");
    if (own != null) {
      return own;
    }
    String bundle = attributes.getValue("Bundle-Version");
    if (bundle == null) {
      return "";
    }
    String[] parts = bundle.split("\\.");
    if (parts.length < 3 || !parts[2].matches("[0-9]{7,9}")) {
      return bundle;
    }
    return parts[0] + "." + parts[1] + "." + Integer.parseInt(parts[2]) / DERBY_FIX_UNITS;
  }
}
