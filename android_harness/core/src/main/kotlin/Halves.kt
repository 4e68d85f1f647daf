package org.pocketmatte.harness.core

import java.lang.Float.floatToRawIntBits
import java.lang.Float.intBitsToFloat
import kotlin.math.abs

private const val SIGN = 0x8000
private const val INFINITE = 0x7c00
private const val NOT_A_NUMBER = 0x7e00
private const val MANTISSA_BITS_LOST = 13
private const val EXPONENT_DIFFERENCE = (127 - 15) shl 23
private const val SMALLEST_NORMAL = 6.103515625e-5f // 2^-14
private const val SUBNORMALS_PER_UNIT = 16777216.0 // 2^24
private const val ROUNDS_TO_INFINITY = 65520f // halfway between the largest half and 2^16

/** Rounds to half precision, to nearest, ties to even; what is too large becomes infinite. */
fun toHalf(value: Float): Short {
    val bits = floatToRawIntBits(value)
    val sign = bits ushr 16 and SIGN
    val size = abs(value)
    val half = when {
        value.isNaN() -> NOT_A_NUMBER
        size >= ROUNDS_TO_INFINITY -> INFINITE
        size < SMALLEST_NORMAL -> Math.rint(size * SUBNORMALS_PER_UNIT).toInt()
        else -> {
            val magnitude = bits and Int.MAX_VALUE
            val odd = magnitude ushr MANTISSA_BITS_LOST and 1
            val justBelowHalf = (1 shl MANTISSA_BITS_LOST - 1) - 1
            magnitude - EXPONENT_DIFFERENCE + justBelowHalf + odd ushr MANTISSA_BITS_LOST
        }
    }
    return (sign or half).toShort()
}

/** Returns the value of a half, exactly. */
fun fromHalf(half: Short): Float {
    val bits = half.toInt()
    val sign = bits and SIGN shl 16
    val exponent = bits and INFINITE
    val mantissa = bits and 0x3ff
    val magnitude = when (exponent) {
        0 -> floatToRawIntBits((mantissa / SUBNORMALS_PER_UNIT).toFloat())
        INFINITE -> 0x7f800000 or (mantissa shl MANTISSA_BITS_LOST)
        else -> (exponent or mantissa shl MANTISSA_BITS_LOST) + EXPONENT_DIFFERENCE
    }
    return intBitsToFloat(sign or magnitude)
}

/** Rounds each value to half precision. */
fun toHalves(values: FloatArray): ShortArray = ShortArray(values.size) { toHalf(values[it]) }

/** Returns the values of halves. */
fun fromHalves(halves: ShortArray): FloatArray = FloatArray(halves.size) { fromHalf(halves[it]) }
