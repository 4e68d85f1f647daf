package org.pocketmatte.harness.core

import java.io.File
import java.nio.file.Files
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** Files that are read with care and written whole. */
class FilesTest {
    @get:Rule
    val temporary = TemporaryFolder()

    @Test
    fun `a path that climbs, starts at the root or follows a link outside is refused`() {
        val root = temporary.newFolder("bundle")
        Files.createSymbolicLink(File(root, "link").toPath(), temporary.newFolder("out").toPath())
        for (path in listOf("../x", "a/../../x", "/etc/x", "", ".", "a\\b", "a\u0000", "link/x")) {
            val message = refusal<BundleException> { inside(root, path) }
            assertTrue(message, message.contains("leads outside the bundle"))
        }
        assertEquals(File(root, "a/b.onnx"), inside(root, "a/b.onnx"))
    }

    @Test
    fun `a path that no system takes is refused, and not thrown at the app`() {
        val message = refusal<BundleException> { inside(temporary.root, "a/".repeat(2047) + "b") }
        assertTrue(message, message.contains("build it again"))
    }

    @Test
    fun `a text replaces an older one whole and leaves nothing beside it`() {
        val file = File(temporary.root, "deep/result.json")
        writeWhole(file, "old, and longer")
        writeWhole(file, "new")
        assertEquals("new", file.readText())
        assertEquals(listOf("result.json"), file.parentFile.list()!!.toList())
    }

    @Test
    fun `a text that cannot be written leaves the older one`() {
        val file = temporary.newFile("result.json")
        file.writeText("old")
        File(temporary.root, "result.json.partial").mkdir()
        refusal<HarnessException> { writeWhole(file, "new") }
        assertEquals("old", file.readText())
    }

    @Test
    fun `a sha256 is that of the standard's example`() {
        val file = temporary.newFile()
        file.writeText("abc")
        val expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assertEquals(expected, sha256Of(file))
    }

    @Test
    fun `JSON of another kind, of other members or with something behind it is refused`() {
        val file = temporary.newFile()
        val refused = mapOf(
            "{\"name\": 1}" to "name: is not a text",
            "{\"name\": null}" to "name: is null",
            "{\"name\": \"a\", \"more\": 1}" to "more: is not known",
            "{}" to "name: is missing",
            "[]" to "the whole file: is no object",
            "{\"name\": \"a\"} {}" to "the whole file: is no JSON",
            "{name: 'a'}" to "the whole file: is no JSON",
            "{\"name\": \"a" to "the whole file: is no JSON",
            "" to "the whole file: is no JSON"
        )
        for ((text, problem) in refused) {
            file.writeText(text)
            val message = refusal<BundleException> {
                Fields.ofFile(file, "thing", "mend it") { it.text("name") }
            }
            val told = message.replace(", not a text", "")
            assertEquals("$file is no thing: $problem; mend it", told)
        }
    }

    @Test
    fun `numbers that are cut, endless or too many for a tensor are refused`() {
        val file = temporary.newFile()
        for (text in listOf("1.5", "1e3", "99999999999999999999", "\"1\"", "true")) {
            file.writeText("{\"n\": $text}")
            refusal<BundleException> { Fields.ofFile(file, "thing", "mend") { it.whole("n") } }
        }
        file.writeText("{\"n\": 1e999}")
        refusal<BundleException> { Fields.ofFile(file, "thing", "mend") { it.number("n") } }
        for (shape in listOf("[0]", "[-1]", "[65536, 65536]", "[\"2\"]", "2")) {
            file.writeText("{\"n\": $shape}")
            refusal<BundleException> { Fields.ofFile(file, "thing", "mend") { it.shape("n") } }
        }
    }

    @Test
    fun `a trace whose parts do not fit each other is refused`() {
        val changes = mapOf(
            "\"program\": \"tone\",\n   \"given\": []" to
                "\"program\": \"none\",\n   \"given\": []",
            "\"output\": \"state_next\"" to "\"output\": \"feature\"",
            "\"shown_by\": null,\n     \"judged\": \"matte\"" to
                "\"shown_by\": \"none\",\n     \"judged\": \"matte\"",
            "\"frames\": 3" to "\"frames\": 4",
            "\"frame\": 2" to "\"frame\": 0",
            "\"name\": \"bias\",\n     \"dtype\"" to "\"name\": \"tint\",\n     \"dtype\""
        )
        changes.entries.forEachIndexed { number, (old, new) ->
            val bundle = TestBundle(File(temporary.root, "$number"))
            bundle.editTrace(old, new)
            val message = refusal<BundleException> { Trace.read(bundle.traceFolder) }
            assertTrue(message, message.contains("does not hold together"))
        }
    }

    @Test
    fun `the high-water mark is read of proc and told apart where it cannot be set back`() {
        val process = temporary.newFolder()
        File(process, "status").writeText("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n")
        val mark = HighWaterMark(process)
        mark.reset()
        assertEquals(PeakMemory(2048 * 1024, "VmHWM, of a pass of its own"), mark.peak())
        assertEquals("5", File(process, "clear_refs").readText())
        File(process, "clear_refs").delete()
        File(process, "clear_refs").mkdir()
        mark.reset()
        assertEquals("VmHWM, since the process began", mark.peak()!!.method)
        assertNull(HighWaterMark(File(process, "none")).peak())
    }

    @Test
    fun `the high-water mark of this process, on Linux, is above what it holds`() {
        assumeTrue(File("/proc/self/status").exists())
        val held = ByteArray(64 shl 20) { 1 }
        assertTrue(HighWaterMark().peak()!!.peakBytes > held.size)
    }
}
