package org.pocketmatte.harness.gradle

import java.io.File
import java.io.IOException
import java.io.InputStream
import kotlin.concurrent.thread

/** How a command ended and what it said. */
class Ran(val code: Int, val said: String) {
    /** Why a build must fail, in one line, or null where it may go on. */
    fun reason(): String? {
        if (code == 0) return null
        val lines = said.lines().map { it.trim() }.filter { it.isNotEmpty() }
        val ours = lines.filter { it.startsWith(OURS) }.map { it.removePrefix(OURS) }
        if (ours.isNotEmpty()) {
            val more = if (ours.size > 1) ", and ${ours.size - 1} more" else ""
            return ours.first() + more
        }
        val last = lines.lastOrNull() ?: "it said nothing"
        return "python ended with $code: ${last.take(MOST_SHOWN)}; $NEEDED"
    }

    companion object {
        private const val OURS = "pocketmatte: "
        private const val MOST_SHOWN = 300
        const val NEEDED = "Python 3.11 or newer is needed: set pocketmatte.python to it"

        /** Run a command to its end; a program that is not there is a reason, not a crash. */
        fun of(command: DeliverCommand, folder: File): Ran {
            command.fault()?.let { return Ran(1, OURS + it) }
            val builder = ProcessBuilder(command.words()).directory(folder)
            builder.environment().putAll(command.environment())
            val process = try {
                builder.start()
            } catch (error: IOException) {
                return Ran(1, "$OURS${command.python} cannot be run (${error.message}); $NEEDED")
            }
            process.outputStream.close()
            var said = ""
            // Both are read at once: a full pipe would stop the command for ever.
            val reader = thread { said = text(process.errorStream) }
            text(process.inputStream)
            reader.join()
            return Ran(process.waitFor(), said)
        }

        private fun text(stream: InputStream): String =
            stream.bufferedReader(Charsets.UTF_8).use { it.readText() }
    }
}
