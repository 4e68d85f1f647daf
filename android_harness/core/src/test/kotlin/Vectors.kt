package org.pocketmatte.harness.core

import com.google.gson.Gson
import com.google.gson.JsonObject
import java.io.File

/** The shared vectors: `docs/protocol/vectors` of this repository. */
val VECTORS = File(
    requireNotNull(System.getProperty("pocketmatte.vectors")) {
        "pocketmatte.vectors is not set; it names docs/protocol/vectors"
    }
)

/** The folder of the trace among them. */
val TRACE = File(VECTORS, "trace")

/** Returns the cases of one file of vectors, at least one. */
fun cases(name: String): List<JsonObject> {
    val text = File(VECTORS, name).readText()
    val cases = Gson().fromJson(text, JsonObject::class.java).getAsJsonArray("cases")
    check(cases.size() > 0) { "$name holds no case" }
    return cases.map { it.asJsonObject }
}

/** Returns the message of the exception that [work] must end with. */
inline fun <reified E : Exception> refusal(work: () -> Unit): String {
    try {
        work()
    } catch (error: Exception) {
        if (error is E) return error.message ?: ""
        throw error
    }
    throw AssertionError("nothing was refused")
}
