package org.pocketmatte.harness.core

// All sources of this project keep to what Kotlin 1.3.31 and Kotlin 2.x both compile, so that they
// can be tested where only a distribution's old compiler is at hand. Not used, therefore: `fun
// interface`, sealed interfaces, trailing commas, `buildList`, `ArrayDeque`, `removeLast`,
// `lowercase` and `toLowerCase`, `max`, `min`, `maxBy` and `minBy` with or without `OrNull`,
// `sumBy` and `sumOf`, `Char.code` and `Char.toInt`, `enumEntries`, context receivers, and `use`
// on what is `AutoCloseable` but not `Closeable`.

/** What an operator can mend: one line with the value, the limit and the way out. */
open class HarnessException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** A bundle, trace or result is missing, damaged, or not what it says it is. */
class BundleException(message: String, cause: Throwable? = null) : HarnessException(message, cause)

/** A request that no bundle can answer. */
class UsageException(message: String) : HarnessException(message)

/** A runtime refused a file, or gave up while it ran one. */
class EngineException(message: String, cause: Throwable? = null) : HarnessException(message, cause)

/** The operator, or the system, called a run off; it leaves no result. */
class RunCancelledException : HarnessException("the run was cancelled; no result was written")

/**
 * Does foreign work, and turns whatever it throws into one [EngineException].
 *
 * A runtime is native code behind a thin class: it throws what it likes, of a missing library an
 * `Error`. None of it may cost the result what was measured before.
 */
fun <T> foreign(what: String, work: () -> T): T =
    try {
        work()
    } catch (error: HarnessException) {
        throw error
    } catch (error: Exception) {
        throw EngineException(told(what, error), error)
    } catch (error: LinkageError) {
        throw EngineException(told(what, error), error)
    } catch (error: OutOfMemoryError) {
        throw EngineException(told(what, error), error)
    }

private fun told(what: String, error: Throwable): String {
    val said = (error.message ?: "no reason given").replace(Regex("\\s+"), " ").trim()
    return "$what: ${error.javaClass.simpleName}: $said"
}
