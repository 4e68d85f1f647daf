package org.pocketmatte.harness.gradle

import java.io.File
import java.nio.file.Files

/** The folder of a task's output that is delivered to; no Gradle here. */
class AssetsFolder(private val out: File, private val name: String) {
    val place: File = File(out, name)

    /** Why it is no folder of its own in the assets, or null. */
    fun fault(): String? {
        val plain = name.isNotEmpty() && name.all { it.isLetterOrDigit() || it in "-_." }
        if (plain && name.any { it != '.' }) return null
        return "pocketmatte.folder is \"$name\"; give one name of letters, digits, - and _"
    }

    /** Deletes the deliveries that are there under other names: the app would hold them too. */
    fun clearOthers() {
        val others = out.listFiles().orEmpty().filter { it.name != name }
        others.filter { File(it, RECORD).isFile && !Files.isSymbolicLink(it.toPath()) }
            .forEach { it.deleteRecursively() }
    }

    private companion object {
        const val RECORD = "delivery.json"
    }
}
