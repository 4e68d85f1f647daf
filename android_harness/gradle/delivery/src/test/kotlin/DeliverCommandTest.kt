package org.pocketmatte.harness.gradle

import java.io.File
import java.nio.file.Files
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Assert.fail
import org.junit.Test

class DeliverCommandTest {
    private val folder: File = Files.createTempDirectory("deliver command").toFile()

    private fun file(name: String, text: String = ""): File {
        val file = File(folder, name)
        file.parentFile.mkdirs()
        file.writeText(text)
        return file
    }

    private fun python(script: String): String {
        val file = file("fake python", "#!/bin/sh\n$script\n")
        assertTrue(file.setExecutable(true))
        return file.path
    }

    private fun command(python: String = "python3"): DeliverCommand {
        file("sources/pocketmatte/selection/__main__.py")
        file("bundle/manifest.json")
        return DeliverCommand(
            python = python,
            sources = File(folder, "sources"),
            lock = file("tiers.lock.json"),
            bundle = File(folder, "bundle"),
            out = File(folder, "out"),
            layout = DeliverCommand.ASSETS
        )
    }

    @Test
    fun `only what is given is said`() {
        val words = command().words()
        val program = listOf("python3", "-B", "-s", "-m", "pocketmatte.selection", "deliver")
        assertEquals(program, words.take(6))
        assertEquals(
            listOf(
                "$folder/tiers.lock.json", "--bundle", "$folder/bundle", "--out", "$folder/out",
                "--layout", "assets", "--platform", "android"
            ),
            words.drop(6)
        )
    }

    @Test
    fun `all that is given is said in an order that stays`() {
        val all = command().copy(
            layout = DeliverCommand.AI_PACKS, delivery = "on-demand", policy = File("app.toml"),
            results = listOf(File("b"), File("a")), networks = listOf("rvm", "fusion"),
            neighbours = 0, frozen = true, check = true
        )
        assertEquals(
            listOf(
                "--layout", "ai-packs", "--delivery", "on-demand", "--neighbours", "0", "--policy",
                "app.toml", "--results", "a", "--results", "b", "--network", "rvm,fusion",
                "--frozen", "--check"
            ),
            all.words().drop(11)
        )
    }

    @Test
    fun `a layout that is not there is refused`() {
        try {
            command().copy(layout = "zip")
            fail("a layout that is not there was taken")
        } catch (error: IllegalArgumentException) {
            assertEquals("no layout zip; there are assets, ai-packs", error.message)
        }
    }

    @Test
    fun `what is missing is named before anything runs`() {
        val whole = command(python("exit 0"))
        assertNull(whole.fault())
        val cases = mapOf(
            "the lock" to whole.copy(lock = File(folder, "none.json")),
            "the manifest of the bundle" to whole.copy(bundle = File(folder, "none")),
            "the sources of PocketMatte" to whole.copy(sources = File(folder, "none"))
        )
        for ((what, command) in cases) {
            val reason = Ran.of(command, folder).reason()!!
            assertTrue(reason, reason.startsWith("$what is missing: no $folder/none"))
        }
    }

    @Test
    fun `a command that ends well is no reason whatever it says`() {
        val ran = Ran.of(command(python("echo 'pocketmatte: 3 written' >&2")), folder)
        assertNull(ran.reason())
        assertEquals("pocketmatte: 3 written", ran.said.trim())
    }

    @Test
    fun `the one line of a failure is the reason`() {
        val script = "echo noise >&2; echo 'pocketmatte: the lock is stale: x' >&2; exit 1"
        assertEquals("the lock is stale: x", Ran.of(command(python(script)), folder).reason())
        val two = "echo 'pocketmatte: a' >&2; echo 'pocketmatte: b' >&2; exit 1"
        assertEquals("a, and 1 more", Ran.of(command(python(two)), folder).reason())
    }

    @Test
    fun `a python that is too old or not there says what is needed`() {
        val old = "echo Traceback >&2; echo 'ImportError: tomllib' >&2; exit 1"
        assertEquals(
            "python ended with 1: ImportError: tomllib; ${Ran.NEEDED}",
            Ran.of(command(python(old)), folder).reason()
        )
        assertEquals(
            "python ended with 3: it said nothing; ${Ran.NEEDED}",
            Ran.of(command(python("exit 3")), folder).reason()
        )
        val none = Ran.of(command("$folder/no python"), folder).reason()!!
        assertTrue(none, none.startsWith("$folder/no python cannot be run"))
        assertTrue(none, none.endsWith(Ran.NEEDED))
    }

    @Test
    fun `a command that says very much on both ends does not hang`() {
        val loop = "while [ \$i -lt 20000 ]; do echo out\$i; echo err\$i >&2; i=\$((i+1)); done"
        val script = "i=0; $loop; exit 1"
        val reason = Ran.of(command(python(script)), folder).reason()!!
        assertTrue(reason, reason.startsWith("python ended with 1: err19999"))
    }

    @Test
    fun `the sources are where python looks`() {
        val ran = Ran.of(command(python("echo \"pocketmatte: \$PYTHONPATH\" >&2; exit 1")), folder)
        assertEquals("$folder/sources", ran.reason())
    }

    @Test
    fun `each variant has a task of its own`() {
        assertEquals("deliverDebugMatte", taskName("debug"))
        assertEquals("deliverFreeReleaseMatte", taskName("freeRelease"))
    }
}
