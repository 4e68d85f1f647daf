package org.pocketmatte.harness.core

import com.google.gson.Gson
import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParseException
import com.google.gson.stream.JsonReader
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

private val SHA256 = Regex("[0-9a-f]{64}")
private val WHOLE = Regex("-?[0-9]{1,19}")
private const val BYTE_ORDER_MARK = '\ufeff'

internal const val FLOAT_BYTES = 4

/** What is wrong with a JSON file, and where in it. */
internal class MalformedException(where: String, problem: String) :
    Exception("${if (where == "") "the whole file" else where}: $problem")

/**
 * The members of one JSON object, each read by its name and kind.
 *
 * As strict as the Python side: a member that is missing, of another kind or not known is refused.
 */
internal class Fields private constructor(private val members: JsonObject, private val at: String) {
    private val known = HashSet<String>()
    private var open = false

    fun text(name: String): String = textOrNull(name) ?: throw wrong(name, "is null, not a text")

    fun textOrNull(name: String): String? = ofKind(name, "a text", ::asText)

    fun oneOf(name: String, vararg allowed: String): String {
        val value = text(name)
        if (value !in allowed) {
            throw wrong(name, "is '$value', not one of ${allowed.joinToString(", ")}")
        }
        return value
    }

    fun sha256(name: String): String {
        val value = text(name)
        if (!SHA256.matches(value)) throw wrong(name, "is no sha256 in hexadecimal")
        return value
    }

    fun whole(name: String): Long = wholeOrNull(name) ?: throw wrong(name, "is null, not a number")

    fun wholeOrNull(name: String): Long? =
        ofKind(name, "a whole number") { asNumber(it)?.let(::asWhole) }

    fun notNegative(name: String): Long {
        val value = whole(name)
        if (value < 0) throw wrong(name, "is $value, below 0")
        return value
    }

    fun number(name: String): Double =
        numberOrNull(name) ?: throw wrong(name, "is null, not a number")

    fun numberOrNull(name: String): Double? = ofKind(name, "a finite number") { element ->
        asNumber(element)?.toDouble()?.takeIf { !it.isNaN() && !it.isInfinite() }
    }

    fun flag(name: String): Boolean = flagOrNull(name) ?: throw wrong(name, "is null, not a flag")

    fun flagOrNull(name: String): Boolean? = ofKind(name, "true or false") {
        if (it.isJsonPrimitive && it.asJsonPrimitive.isBoolean) it.asBoolean else null
    }

    fun <T> member(name: String, read: (Fields) -> T): T = of(element(name), path(name), read)

    fun <T> memberOrNull(name: String, read: (Fields) -> T): T? {
        val element = element(name)
        return if (element.isJsonNull) null else of(element, path(name), read)
    }

    fun <T> list(name: String, read: (Fields) -> T): List<T> =
        array(name).mapIndexed { index, element -> of(element, "${path(name)}.$index", read) }

    fun <T> map(name: String, read: (Fields) -> T): Map<String, T> {
        val element = element(name)
        if (!element.isJsonObject) throw wrong(name, "is no object")
        return element.asJsonObject.entrySet().associate { entry ->
            entry.key to of(entry.value, "${path(name)}.${entry.key}", read)
        }
    }

    fun texts(name: String): Map<String, String> {
        val element = element(name)
        if (!element.isJsonObject) throw wrong(name, "is no object")
        return element.asJsonObject.entrySet().associate { entry ->
            if (!entry.value.isJsonPrimitive) throw wrong(name, "holds more than texts")
            entry.key to entry.value.asString
        }
    }

    /** A shape: sizes of at least 1 whose product can be that of an array. */
    fun shape(name: String): List<Int> {
        val sizes = array(name).map { asNumber(it)?.let(::asWhole) }
        var product = 1L
        for (size in sizes) {
            if (size == null || size < 1 || size > Int.MAX_VALUE / product / FLOAT_BYTES) {
                throw wrong(name, "is no shape of a tensor of less than 2 GiB")
            }
            product *= size
        }
        return sizes.map { it!!.toInt() }
    }

    /** A text of a form, all of it. */
    fun matched(name: String, form: Regex): String {
        val value = text(name)
        if (!form.matches(value)) throw wrong(name, "is not of the form ${form.pattern}")
        return value
    }

    fun matchedOrNull(name: String, form: Regex): String? =
        if (element(name).isJsonNull) null else matched(name, form)

    fun notNegativeOrNull(name: String): Long? =
        if (element(name).isJsonNull) null else notNegative(name)

    fun textList(name: String): List<String> =
        array(name).map { asText(it) ?: throw wrong(name, "holds more than texts in UTF-8") }

    /** Lets members be that are not known: a file of a later release, or more than is looked at. */
    fun skipOthers() {
        open = true
    }

    /** Names a member that is not looked at. */
    fun skip(vararg names: String) {
        known.addAll(names)
    }

    private fun array(name: String): JsonArray {
        val element = element(name)
        if (!element.isJsonArray) throw wrong(name, "is no list")
        return element.asJsonArray
    }

    private fun element(name: String): JsonElement {
        known.add(name)
        return members.get(name) ?: throw wrong(name, "is missing")
    }

    private fun <T> ofKind(name: String, kind: String, read: (JsonElement) -> T?): T? {
        val element = element(name)
        if (element.isJsonNull) return null
        return read(element) ?: throw wrong(name, "is not $kind")
    }

    private fun refuseOthers() {
        if (open) return
        val other = members.keySet().firstOrNull { it !in known } ?: return
        throw wrong(other, "is not known")
    }

    private fun path(name: String) = if (at == "") name else "$at.$name"

    private fun wrong(name: String, problem: String) = MalformedException(path(name), problem)

    companion object {
        fun <T> of(element: JsonElement, at: String, read: (Fields) -> T): T {
            if (!element.isJsonObject) throw MalformedException(at, "is no object")
            val fields = Fields(element.asJsonObject, at)
            val value = read(fields)
            fields.refuseOthers()
            return value
        }

        /** Reads a whole file: strict JSON, one object, nothing behind it. */
        fun <T> ofFile(file: File, what: String, mend: String, read: (Fields) -> T): T {
            val text = try {
                file.readText(Charsets.UTF_8)
            } catch (error: IOException) {
                throw BundleException("$file cannot be read (${error.message}); $mend", error)
            }
            try {
                return of(parsed(text), "", read)
            } catch (error: MalformedException) {
                throw BundleException("$file is no $what: ${error.message}; $mend", error)
            }
        }

        /** Reads what bytes say, in UTF-8. */
        fun <T> ofBytes(bytes: ByteArray, what: String, mend: String, read: (Fields) -> T): T =
            try {
                val text = Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()
                of(parsed(text), "", read)
            } catch (error: CharacterCodingException) {
                throw BundleException("$what is no UTF-8; $mend", error)
            } catch (error: MalformedException) {
                throw BundleException("$what cannot be read: ${error.message}; $mend", error)
            }

        private fun parsed(text: String): JsonElement {
            // Gson skips it, and no other language does.
            if (text.startsWith(BYTE_ORDER_MARK)) throw MalformedException("", "is no JSON")
            val reader = JsonReader(text.reader())
            try {
                val element = Gson().getAdapter(JsonElement::class.java).read(reader)
                reader.peek() // throws where something follows, of which nothing may
                return element
            } catch (error: IOException) {
                throw MalformedException("", "is no JSON")
            } catch (error: JsonParseException) {
                throw MalformedException("", "is no JSON")
            }
        }

        private fun asNumber(element: JsonElement): Number? =
            if (element.isJsonPrimitive && element.asJsonPrimitive.isNumber) element.asNumber
            else null

        private fun asWhole(number: Number): Long? =
            number.toString().takeIf { WHOLE.matches(it) }?.toLongOrNull()

        /** A text, but none with half of a pair of UTF-16: JSON can say it, UTF-8 cannot. */
        private fun asText(element: JsonElement): String? =
            if (!element.isJsonPrimitive || !element.asJsonPrimitive.isString) null
            else element.asString.takeIf { Charsets.UTF_8.newEncoder().canEncode(it) }
    }
}
