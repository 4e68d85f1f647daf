package org.pocketmatte.harness.core

import java.text.Normalizer

// What Python's str.split() splits at, as it is after NFKC.
private val SPACES = Regex(
    "[\\t-\\r\\u001c- \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+"
)
private val BEFORE_SUFFIX = Regex("[-/_]")
private val MEDIATEK = Regex("^mt[0-9]{4}")
private const val MOST_WORDS = 8
private const val TO_SMALL = 'a' - 'A'

/**
 * Returns a name in the one spelling that an index holds: case, width and spacing do not count.
 *
 * After NFKC capitals and the sharp s are all that case folding makes ASCII of, and an index is
 * ASCII.
 */
internal fun folded(name: String): String {
    val plain = StringBuilder()
    for (each in Normalizer.normalize(name, Normalizer.Form.NFKC)) {
        when (each) {
            in 'A'..'Z' -> plain.append(each + TO_SMALL)
            '\u00df', '\u1e9e' -> plain.append("ss")
            else -> plain.append(each)
        }
    }
    return plain.split(SPACES).filter { it != "" }.joinToString(" ")
}

/**
 * Returns what may be the name of a processor in what is reported, the longest first.
 *
 * A maker may be written before it, a package behind it.
 */
internal fun spellings(reported: String): List<String> {
    val words = folded(reported).split(' ')
    val found = ArrayList<String>()
    for (start in 0 until minOf(words.size, MOST_WORDS)) {
        val name = words.drop(start).joinToString(" ")
        found.add(name)
        val base = name.split(BEFORE_SUFFIX)[0]
        if (base != name) found.add(base)
        MEDIATEK.find(name)?.let { found.add(it.value) }
    }
    return found
}
