package org.pocketmatte.harness.core

import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.security.MessageDigest

private const val CHUNK_BYTES = 1 shl 20
private const val HEX = "0123456789abcdef"

/** Returns `root / relative`; refuses whatever leads out of [root], by itself or by a link. */
fun inside(root: File, relative: String): File {
    val path = File(root, relative)
    val parts = relative.split('/').filter { it.isNotEmpty() && it != "." }
    val climbs = relative.startsWith("/") || relative.contains('\\') || relative.contains('\u0000')
    val refused = "path '$relative' leads outside the bundle $root; build it again"
    if (climbs || parts.isEmpty() || ".." in parts) {
        throw BundleException(refused)
    }
    val isInside = try {
        path.canonicalFile.toPath().startsWith(root.canonicalFile.toPath())
    } catch (error: IOException) { // a name that is too long, links in a circle
        throw BundleException("$path cannot be read (${error.message}); build it again", error)
    }
    if (!isInside) throw BundleException(refused)
    return path
}

/** Returns the sha256 of a file, in hexadecimal. */
fun sha256Of(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    try {
        file.inputStream().use { stream ->
            val chunk = ByteArray(CHUNK_BYTES)
            var count = stream.read(chunk)
            while (count >= 0) {
                digest.update(chunk, 0, count)
                count = stream.read(chunk)
            }
        }
    } catch (error: IOException) {
        throw BundleException("$file cannot be read (${error.message}); bring it again", error)
    }
    return hexadecimal(digest)
}

/** Returns what a digest has come to, in hexadecimal. */
fun hexadecimal(digest: MessageDigest): String {
    val text = StringBuilder()
    for (byte in digest.digest()) {
        val value = byte.toInt() and 0xff
        text.append(HEX[value shr 4]).append(HEX[value and 15])
    }
    return text.toString()
}

/**
 * Checks a file of a bundle against what is said of it.
 *
 * Returns the first thing that is wrong, or `null`.
 */
fun damage(file: File, sizeBytes: Long, sha256: String): String? {
    if (!file.isFile) {
        return "$file is missing; bring the bundle again"
    }
    if (file.length() != sizeBytes) {
        return "$file is ${file.length()} bytes, not $sizeBytes; bring the bundle again"
    }
    val found = sha256Of(file)
    if (found != sha256) {
        return "$file: its sha256 is ${found.take(12)}..., not ${sha256.take(12)}...; " +
            "bring the bundle again"
    }
    return null
}

/** Writes a text whole or not at all: beside its place, then renamed. */
fun writeWhole(file: File, text: String) {
    val folder = file.absoluteFile.parentFile
    val partial = File(folder, "${file.name}.partial")
    try {
        Files.createDirectories(folder.toPath())
        partial.writeText(text, Charsets.UTF_8)
        Files.move(
            partial.toPath(),
            file.toPath(),
            StandardCopyOption.REPLACE_EXISTING,
            StandardCopyOption.ATOMIC_MOVE
        )
    } catch (error: IOException) {
        partial.delete()
        throw HarnessException("$file cannot be written (${error.message}); make room", error)
    }
}
