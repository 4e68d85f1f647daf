package org.pocketmatte.harness.core

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** What a run makes of damage, and of runtimes that give up. */
class RunFaultsTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private lateinit var bundle: TestBundle
    private lateinit var results: File
    private val clock = HandClock()
    private val cancellation = Cancellation()

    @Before
    fun build() {
        bundle = TestBundle(File(temporary.root, "bundle"))
        results = File(temporary.root, "results")
    }

    private fun run(
        engine: Engine = LineEngine(clock),
        request: Request = request(bundle)
    ) = Run(bundle.root, request, host(engine, clock), cancellation).execute(results)

    private fun assertNotLoaded(result: RunResult, error: String) {
        assertEquals("load_failed", result.status)
        assertTrue("${result.errors}", result.errors.single().contains(error))
        assertNull(result.parity)
        assertEquals(emptyList<Latency>(), result.latency)
        assertFalse(result.validity.latencyValid)
        assertTrue(resultFile(results, "run-1").isFile)
    }

    @Test
    fun `a truncated tensors bin is refused by its size`() {
        val data = Trace.data(bundle.traceFolder)
        data.writeBytes(data.readBytes().copyOf(500))
        assertNotLoaded(run(), "is 500 bytes, not 528")
    }

    @Test
    fun `a changed tensors bin is refused by its sha256`() {
        val data = Trace.data(bundle.traceFolder)
        data.writeBytes(data.readBytes().also { it[3] = 1 })
        assertNotLoaded(run(), "its sha256 is")
    }

    @Test
    fun `a tensor beyond the end is refused`() {
        bundle.editTrace("\"offset\": 512", "\"offset\": 513")
        assertNotLoaded(run(), "feature of tone lies at 513, beyond the end of 528 bytes")
    }

    @Test
    fun `a program's file that is damaged or missing is refused, and what is there is listed`() {
        bundle.file("tone").appendText("!")
        val damaged = run()
        assertNotLoaded(damaged, "is 5 bytes, not 4")
        assertEquals(listOf(3L, 5L), damaged.subject.files.map { it.sizeBytes })
        bundle.file("tone").delete()
        val missing = run()
        assertNotLoaded(missing, "is missing")
        assertEquals(listOf("mix"), missing.subject.files.map { it.program })
    }

    @Test
    fun `a trace of an unknown schema version is refused`() {
        bundle.editTrace("\"schema_version\": 1", "\"schema_version\": 2")
        assertNotLoaded(run(), "schema_version: is 2; this harness reads 1")
    }

    @Test
    fun `a trace of other weights is refused`() {
        bundle.editTrace("0".repeat(64), "1".repeat(64))
        assertNotLoaded(run(), "the trace is of another mix")
    }

    @Test
    fun `a trace of another tier or orientation is refused`() {
        bundle.editTrace("\"tier\": \"t01\"", "\"tier\": \"t02\"")
        assertNotLoaded(run(), "/t02 in landscape, not of ")
        bundle.editTrace("\"tier\": \"t02\"", "\"tier\": \"t01\"")
        bundle.editTrace("landscape", "portrait")
        assertNotLoaded(run(), "in portrait, not of ")
    }

    @Test
    fun `of a tier in both orientations one must be named, and has a trace of its own`() {
        bundle.edit(bundle.manifestFile, "\"program\": \"tone\"", "\"program\": \"mix\"")
        val text = bundle.manifestFile.readText()
        val second = text.lastIndexOf("landscape")
        bundle.manifestFile.writeText(text.replaceRange(second, second + 9, "portrait"))
        val message = refusal<UsageException> { run() }
        assertTrue(message, message.endsWith("in both orientations; give orientation"))
        bundle.traceFolder.renameTo(File("${bundle.traceFolder}-portrait"))
        val named = run(request = request(bundle).copy(orientation = "portrait"))
        assertNotLoaded(named, "in landscape, not of ")
        refusal<BundleException> { run(request = request(bundle).copy(orientation = "landscape")) }
    }

    @Test
    fun `a recipe that the trace has no limits for is refused`() {
        bundle.editTrace("\"fp32\": {", "\"fp16\": {")
        assertNotLoaded(run(), "no limits for recipe fp32")
    }

    @Test
    fun `without a manifest, a subject or a trace there is no result`() {
        val other = request(bundle).let { it.copy(subject = it.subject.copy(recipe = "w8")) }
        val listed = refusal<UsageException> { run(request = other) }
        assertTrue(listed, listed.endsWith("it has ${bundle.subject}"))
        Trace.file(bundle.traceFolder).delete()
        refusal<BundleException> { run() }
        bundle.edit(bundle.manifestFile, "\"schema_version\": 1", "\"schema_version\": 7")
        val version = refusal<BundleException> { run() }
        assertTrue(version, version.contains("schema_version: is 7; this harness reads 1"))
        bundle.manifestFile.delete()
        refusal<BundleException> { run() }
        assertFalse(results.exists())
    }

    @Test
    fun `a path that leaves the bundle is refused`() {
        bundle.edit(bundle.manifestFile, "\"path\": \"", "\"path\": \"../")
        val message = refusal<BundleException> { run() }
        assertTrue(message, message.contains("leads outside the bundle"))
    }

    @Test
    fun `a runtime that throws while it loads, whatever it throws, ends as load_failed`() {
        for (error in listOf(IllegalStateException("bad\nfile"), UnsatisfiedLinkError("no so"))) {
            val engine = object : Engine {
                override val runtime = "none"
                override val runtimeVersion: String? = null

                override fun load(file: File, artifact: Artifact): LoadedProgram = throw error
            }
            assertNotLoaded(run(engine), "cannot be loaded: ${error.javaClass.simpleName}: ")
        }
    }

    @Test
    fun `a program that throws at once ends as run_failed, and all is closed`() {
        val engine = LineEngine(clock) { _, _, _ -> throw OutOfMemoryError("4 GB") }
        val result = run(engine)
        assertEquals("run_failed", result.status)
        assertEquals(listOf("mix gave up: OutOfMemoryError: 4 GB"), result.errors)
        assertNull(result.parity)
        assertEquals(0, engine.open)
    }

    @Test
    fun `a program that throws while it is timed leaves what was measured`() {
        val engine = LineEngine(clock) { _, number, outputs ->
            if (number > 10) throw IllegalStateException("worn out") else outputs
        }
        val result = run(engine, request(bundle, runs = 50))
        assertEquals("run_failed", result.status)
        assertTrue(result.parity!!.passed)
        assertEquals(2, result.latency[0].ms.count)
        assertEquals(false, result.validity.minRunsMet)
    }

    @Test
    fun `a value that is not finite is the one fault`() {
        for (bad in listOf(Float.NaN, Float.NEGATIVE_INFINITY)) {
            val engine = LineEngine(clock) { program, number, outputs ->
                if (program == "tone" && number == 2) outputs[0][1] = bad
                outputs
            }
            val result = run(engine)
            assertEquals("parity_failed", result.status)
            val outputs = result.parity!!.outputs
            val feature = outputs.single { it.name == "feature" }
            assertEquals(listOf("not_finite"), feature.faults)
            assertNull(feature.maxAbs)
            assertTrue(outputs.filter { it != feature }.all { it.finite })
        }
    }

    @Test
    fun `outputs of another size than the trace's are refused`() {
        val engine = LineEngine(clock) { _, _, outputs -> outputs.map { it.copyOf(3) } }
        val result = run(engine)
        assertEquals("run_failed", result.status)
        val error = result.errors.single()
        assertTrue(error, "[3, 3] values, the trace has [4, 4]" in error)
    }

    @Test
    fun `a program that cannot be closed takes nothing from what was measured`() {
        val engine = LineEngine(clock, closing = { throw IllegalStateException("busy") })
        val result = run(engine)
        assertEquals("ok", result.status)
        assertEquals(4, result.errors.size)
        assertEquals("a program cannot be closed: IllegalStateException: busy", result.errors[0])
    }

    @Test
    fun `a cancelled run leaves no result, not even an older one, and closes all`() {
        run()
        val engine = LineEngine(clock) { _, number, outputs ->
            if (number == 12) cancellation.request()
            outputs
        }
        refusal<RunCancelledException> { run(engine, request(bundle, runs = 100)) }
        assertEquals(emptyList<String>(), results.list()!!.toList())
        assertEquals(0, engine.open)
    }
}
