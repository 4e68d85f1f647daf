package org.pocketmatte.harness.core

import java.io.File

private const val FILE_NAME = "manifest.json"
private const val MEND = "build the bundle again with the release of this harness"

/** An input or output as a file holds it; `half` where its values are of two bytes. */
data class FileTensor(val name: String, val shape: List<Int>, val half: Boolean)

/** A state input, the output that replaces it, and its value before the first frame. */
data class StatePair(val input: String, val output: String, val reset: Float)

/**
 * One exported program.
 *
 * @property outputHw height and width of the frames it takes, in pixels.
 */
data class Artifact(
    val path: String,
    val network: String,
    val tier: String,
    val program: String,
    val format: String,
    val recipe: String,
    val sha256: String,
    val sizeBytes: Long,
    val orientation: String,
    val outputHw: List<Int>,
    val inputs: List<FileTensor>,
    val outputs: List<FileTensor>,
    val states: List<StatePair>,
    val weightsDigest: String,
    val tools: Map<String, String>
)

/** What is run: all programs of one tier in one format and recipe. */
data class Choosing(
    val network: String,
    val tier: String,
    val format: String,
    val recipe: String
) {
    override fun toString() = "$network/$tier in $format $recipe"
}

/** A bundle's manifest, as far as a run needs it. */
class Manifest(val artifacts: List<Artifact>) {

    /**
     * Returns the artifacts of one subject; refuses one that the bundle has not, and lists.
     *
     * @param orientation `landscape` or `portrait`; `null` for the only one that there is.
     */
    fun of(wanted: Choosing, orientation: String?): List<Artifact> {
        val found = artifacts.filter {
            subject(it) == wanted && (orientation == null || it.orientation == orientation)
        }
        if (found.isEmpty()) {
            val others = artifacts.map(::subject).distinct().filter { it.network == wanted.network }
            val listed = if (others.isEmpty()) artifacts.map { it.network }.distinct() else others
            throw UsageException(
                "the bundle has no $wanted${held(orientation)}; it has ${listed.joinToString("; ")}"
            )
        }
        if (found.any { it.orientation != found[0].orientation }) {
            throw UsageException("the bundle has $wanted in both orientations; give orientation")
        }
        return found
    }

    private fun held(orientation: String?) = if (orientation == null) "" else " in $orientation"

    private fun subject(artifact: Artifact) =
        Choosing(artifact.network, artifact.tier, artifact.format, artifact.recipe)

    companion object {
        /** Reads and checks the manifest of the bundle at [root]. */
        fun read(root: File): Manifest {
            val manifest = Fields.ofFile(File(root, FILE_NAME), "manifest", MEND, ::manifest)
            manifest.artifacts.forEach { inside(root, it.path) }
            return manifest
        }
    }
}

internal fun schemaVersion(fields: Fields, known: Long) {
    val version = fields.whole("schema_version")
    if (version != known) {
        throw MalformedException("schema_version", "is $version; this harness reads $known")
    }
}

private fun manifest(fields: Fields): Manifest {
    schemaVersion(fields, 1)
    fields.skip("pocketmatte", "weights", "packages", "traces")
    return Manifest(fields.list("artifacts", ::artifact))
}

private fun artifact(fields: Fields): Artifact {
    fields.skip("notes", "build_key")
    val (orientation, outputHw) = fields.member("frame", ::frame)
    return Artifact(
        path = fields.text("path"),
        network = fields.text("network"),
        tier = fields.text("tier"),
        program = fields.text("program"),
        format = fields.text("format"),
        recipe = fields.text("recipe"),
        sha256 = fields.sha256("sha256"),
        sizeBytes = fields.notNegative("size_bytes"),
        orientation = orientation,
        outputHw = outputHw,
        inputs = fields.list("inputs", ::fileTensor),
        outputs = fields.list("outputs", ::fileTensor),
        states = fields.list("states", ::statePair),
        weightsDigest = fields.sha256("weights_digest"),
        tools = fields.texts("tools")
    )
}

private fun frame(fields: Fields): Pair<String, List<Int>> {
    fields.skip("working_hw", "colour_order", "low", "high")
    return Pair(fields.oneOf("orientation", "landscape", "portrait"), fields.shape("output_hw"))
}

private fun fileTensor(fields: Fields): FileTensor {
    fields.skip("low", "high", "meaning")
    val half = fields.oneOf("dtype", "float32", "float16") == "float16"
    return FileTensor(fields.text("name"), fields.shape("shape"), half)
}

internal fun statePair(fields: Fields) =
    StatePair(fields.text("input"), fields.text("output"), fields.number("reset").toFloat())
