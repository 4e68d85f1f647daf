package org.pocketmatte.harness.core

private val RUN_ID = Regex("[0-9A-Za-z._-]{1,80}")
private val NAME = Regex("[0-9a-z_]{1,40}")
private val ORIENTATION = Regex("landscape|portrait")
private val DELEGATE = Regex("[0-9A-Za-z_]{1,40}")

/** The names of what a run takes, all texts, as an intent or an instrumentation carries them. */
val ARGUMENTS = listOf(
    "run_id", "network", "tier", "orientation", "format", "recipe", "delegate", "threads",
    "warmups", "runs", "seconds", "limit_seconds", "frames_per_second", "sustained_seconds"
)

/** Reads a request; what is missing, not known or out of range is refused by name. */
fun request(given: Map<String, String>): Request {
    val unknown = given.keys.firstOrNull { it !in ARGUMENTS }
    if (unknown != null) {
        throw UsageException("no argument '$unknown'; there are ${ARGUMENTS.joinToString(", ")}")
    }
    val plan = Plan(
        warmups = whole(given, "warmups", 10, 1),
        runs = whole(given, "runs", 100, 1),
        seconds = seconds(given, "seconds", 10.0),
        limitSeconds = seconds(given, "limit_seconds", 120.0),
        framesPerSecond = given["frames_per_second"]?.let { rate(it) },
        sustainedSeconds = seconds(given, "sustained_seconds", 0.0)
    )
    return Request(
        runId = matched(given, "run_id", RUN_ID),
        subject = Choosing(
            network = matched(given, "network", NAME),
            tier = matched(given, "tier", NAME),
            format = matched(given, "format", NAME),
            recipe = matched(given, "recipe", NAME)
        ),
        orientation = given["orientation"]?.let { matched(given, "orientation", ORIENTATION) },
        delegate = matched(given, "delegate", DELEGATE),
        threads = whole(given, "threads", 1, 1),
        plan = plan
    )
}

private fun matched(given: Map<String, String>, name: String, form: Regex): String {
    val value = given[name] ?: throw UsageException("$name is missing; give it as a text")
    if (!form.matches(value)) {
        throw UsageException("$name is '$value'; it has the form ${form.pattern}")
    }
    return value
}

private fun whole(given: Map<String, String>, name: String, usual: Int, least: Int): Int {
    val text = given[name] ?: return usual
    val value = text.toIntOrNull()
    if (value == null || value < least) {
        throw UsageException("$name is '$text'; it is a whole number of at least $least")
    }
    return value
}

private fun seconds(given: Map<String, String>, name: String, usual: Double): Double {
    val text = given[name] ?: return usual
    val value = text.toDoubleOrNull()
    if (value == null || !(value >= 0) || value.isInfinite()) {
        throw UsageException("$name is '$text'; it is a number of at least 0")
    }
    return value
}

private fun rate(text: String): Double {
    val value = text.toDoubleOrNull()
    if (value == null || !(value > 0) || value.isInfinite()) {
        throw UsageException("frames_per_second is '$text'; it is a number above 0")
    }
    return value
}
