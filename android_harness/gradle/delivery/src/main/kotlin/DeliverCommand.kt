package org.pocketmatte.harness.gradle

import java.io.File

/** What `python3 -m pocketmatte.selection deliver` is asked to do; no Gradle here. */
data class DeliverCommand(
    /** A Python of 3.11 or newer; nothing need be installed in it. */
    val python: String,
    /** The folder that holds `pocketmatte`, `tiers` and `export`. */
    val sources: File,
    val lock: File,
    val bundle: File,
    val out: File,
    val layout: String,
    val delivery: String? = null,
    val policy: File? = null,
    val results: List<File> = emptyList(),
    val networks: List<String> = emptyList(),
    val neighbours: Int? = null,
    val frozen: Boolean = false,
    val check: Boolean = false
) {
    init {
        require(layout in LAYOUTS) { "no layout $layout; there are ${LAYOUTS.joinToString()}" }
    }

    /** The words of the command: without the user's own packages, and leaving no caches. */
    fun words(): List<String> {
        val words = mutableListOf(python, "-B", "-s", "-m", "pocketmatte.selection", "deliver")
        words += listOf(lock.path, "--bundle", bundle.path, "--out", out.path, "--layout", layout)
        if (layout == ASSETS) words += listOf("--platform", "android")
        delivery?.let { words += listOf("--delivery", it) }
        neighbours?.let { words += listOf("--neighbours", it.toString()) }
        policy?.let { words += listOf("--policy", it.path) }
        results.sortedBy { it.path }.forEach { words += listOf("--results", it.path) }
        if (networks.isNotEmpty()) words += listOf("--network", networks.joinToString(","))
        if (frozen) words += "--frozen"
        if (check) words += "--check"
        return words
    }

    /** What the environment of the command has beside that of the build. */
    fun environment(): Map<String, String> =
        mapOf("PYTHONPATH" to sources.path, "PYTHONIOENCODING" to "utf-8")

    /** Why the command cannot even be started, or null. */
    fun fault(): String? {
        val missing = listOf(
            "the sources of PocketMatte" to File(sources, "pocketmatte/selection/__main__.py"),
            "the lock" to lock,
            "the manifest of the bundle" to File(bundle, "manifest.json")
        ).firstOrNull { (_, file) -> !file.isFile }
        return missing?.let { (what, file) -> "$what is missing: no $file" }
    }

    companion object {
        const val ASSETS = "assets"
        const val AI_PACKS = "ai-packs"
        val LAYOUTS = listOf(ASSETS, AI_PACKS)
    }
}
