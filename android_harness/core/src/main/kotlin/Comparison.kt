package org.pocketmatte.harness.core

import kotlin.math.abs
import kotlin.math.log10
import kotlin.math.max

private const val HALF = 0.5f

/** How far one output of a replay lies from the reference, over all of its calls. */
data class Figures(
    val calls: Int,
    val finite: Boolean,
    val psnrDb: Double?,
    val freeMaxAbs: Double?,
    val maxAbs: Double?,
    val mad: Double?,
    val flipped: Double?
)

/** Running figures of one output. */
class Comparison(private val output: TraceOutput, private val featureRange: Double) {
    private var calls = 0
    private var finite = true
    private var squares = 0.0
    private var mad = 0.0
    private var flipped = 0.0
    private var freeMaxAbs = 0.0
    private var maxAbs: Double? = null

    /** Takes one call of free replay; [matte] is the reference's own, where it shows the output. */
    fun free(given: FloatArray, reference: FloatArray, matte: FloatArray?) {
        calls += 1
        val scale = scale(reference)
        var callSquares = 0.0
        var callSum = 0.0
        var callFlipped = 0
        var largest = 0f
        for (index in given.indices) {
            val difference = (given[index] - reference[index]) / scale
            val shown = if (matte == null) difference else difference * matte[index % matte.size]
            callSquares += shown.toDouble() * shown
            callSum += abs(difference).toDouble()
            largest = max(largest, abs(difference)) // stays NaN once it is
            if ((given[index] >= HALF) != (reference[index] >= HALF)) callFlipped += 1
        }
        finite = finite && isFinite(largest)
        squares += callSquares
        mad += callSum / given.size
        flipped += callFlipped.toDouble() / given.size
        freeMaxAbs = max(freeMaxAbs, largest.toDouble())
    }

    /** Takes one call that was made from the reference's own inputs. */
    fun forced(given: FloatArray, reference: FloatArray) {
        val scale = scale(reference)
        var largest = 0f
        for (index in given.indices) {
            largest = max(largest, abs((given[index] - reference[index]) / scale))
        }
        finite = finite && isFinite(largest)
        maxAbs = max(maxAbs ?: 0.0, largest.toDouble())
    }

    /** Returns what was found; at least one call of free replay must have been taken. */
    fun figures(): Figures {
        if (!finite) return Figures(calls, false, null, null, null, null, null)
        val mse = squares / (elements(output.shape).toDouble() * calls)
        return Figures(
            calls = calls,
            finite = true,
            psnrDb = if (mse > 0) -10 * log10(mse) else null,
            freeMaxAbs = freeMaxAbs,
            maxAbs = maxAbs,
            mad = mad / calls,
            flipped = flipped / calls
        )
    }

    private fun scale(reference: FloatArray): Float {
        if (!output.relative) return 1f
        var largest = 0f
        for (value in reference) largest = max(largest, abs(value))
        return max(featureRange, largest.toDouble()).toFloat()
    }

    private fun isFinite(value: Float) = !value.isNaN() && !value.isInfinite()
}

/** Returns the codes of the limits that an output passes, in the order of the protocol. */
fun faults(output: TraceOutput, found: Figures, heldTo: Limits): List<String> {
    if (!found.finite) return listOf("not_finite")
    val least = if (output.seen) heldTo.psnrDb else heldTo.othersPsnrDb
    val codes = ArrayList<String>()
    if (above(found.maxAbs, heldTo.maxAbs)) codes.add("max_abs")
    if (found.psnrDb != null && found.psnrDb < least) codes.add("psnr_db")
    if (output.judged == "matte" && above(found.mad, heldTo.matteMad)) codes.add("mad")
    if (output.judged == "mask" && above(found.flipped, heldTo.maskFlipped)) codes.add("flipped")
    return codes
}

private fun above(value: Double?, most: Double?) = value != null && most != null && value > most
