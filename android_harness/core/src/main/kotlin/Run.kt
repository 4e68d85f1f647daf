package org.pocketmatte.harness.core

import java.io.File

private const val WARMEST_VALID = 1 // light; Apple's fair

/** What an operator asks for; `orientation` is `null` where the bundle has but one. */
data class Request(
    val runId: String,
    val subject: Choosing,
    val orientation: String?,
    val delegate: String,
    val threads: Int,
    val plan: Plan
)

/** One run, step by step as docs/harness-protocol.md has them; made anew for each. */
class Run(
    private val bundle: File,
    private val request: Request,
    private val host: Host,
    private val cancellation: Cancellation
) {
    private val startedAt = host.clock.utc()
    private val watch = Watch(host.clock, host.thermal, host.battery)
    private val errors = ArrayList<String>()
    private val files = ArrayList<RunFile>()
    private var artifacts: List<Artifact> = emptyList()
    private val loadNanos = LinkedHashMap<String, Long>()
    private var failsAs = "load_failed"
    private var failure: String? = null
    private var delegateActual: String? = null
    private var player: Player? = null
    private var timing: Timing? = null
    private var parity: Parity? = null
    private var sustained: Sustained? = null
    private var memory: PeakMemory? = null

    /**
     * Runs, and writes the result below [results], where none of an earlier run of this name stays.
     *
     * @throws HarnessException where there is nothing that a result could be of: no manifest, no
     *     such subject, no trace; or where the run was cancelled.
     */
    fun execute(results: File): RunResult {
        val stale = resultFile(results, request.runId)
        if (stale.exists() && !stale.delete()) {
            throw HarnessException("$stale of an earlier run cannot be removed; choose another id")
        }
        val artifacts = Manifest.read(bundle).of(request.subject, request.orientation)
        this.artifacts = artifacts
        val (network, tier) = request.subject
        val folder = inside(bundle, Trace.path(network, tier, artifacts[0].orientation))
        val traceSha256 = sha256Of(Trace.file(folder))
        try {
            steps(folder)
        } catch (cancelled: RunCancelledException) {
            throw cancelled
        } catch (error: HarnessException) {
            failure = failsAs
            errors.add(error.message ?: "no reason given")
        }
        val result = result(traceSha256)
        writeResult(results, result)
        return result
    }

    private fun steps(folder: File) {
        check()
        val trace = Trace.read(folder)
        agree(trace)
        val heldTo = trace.limits[request.subject.recipe] ?: throw BundleException(
            "the trace has no limits for recipe ${request.subject.recipe}; record it again"
        )
        val tensors = TraceTensors.open(folder, trace)
        val prepared = tensors.prepared()
        loaded(trace, loadNanos) { wired ->
            failsAs = "run_failed"
            delegateActual = delegates(wired)
            val player = Player(wired, host.clock)
            this.player = player
            val timing = Timing(prepared, player, host.clock, watch, request.plan, cancellation)
            this.timing = timing
            timing.first()
            parity = parity(tensors, prepared, player, heldTo, cancellation)
            watch.read()
            timing.warmUp()
            timing.sample()
            sustained = timing.sustain()
            watch.read()
        }
        host.memory.reset()
        loaded(trace, HashMap()) { wired ->
            val player = Player(wired, host.clock)
            Timing(prepared, player, host.clock, watch, request.plan, cancellation).playThrough()
            memory = host.memory.peak()
        }
    }

    private fun check() {
        val wrong = ArrayList<String>()
        for (artifact in artifacts) {
            val file = inside(bundle, artifact.path)
            damage(file, artifact.sizeBytes, artifact.sha256)?.let { wrong.add(it) }
            if (file.isFile) {
                files.add(RunFile(artifact.path, artifact.program, sha256Of(file), file.length()))
            }
        }
        if (wrong.isNotEmpty()) throw BundleException(wrong.joinToString("; "))
    }

    private fun agree(trace: Trace) {
        val (network, tier) = request.subject
        val wanted = Triple(network, tier, artifacts[0].orientation)
        if (Triple(trace.network, trace.tier, trace.orientation) != wanted) {
            throw BundleException(
                "the trace is of ${trace.network}/${trace.tier} in ${trace.orientation}, not of " +
                    "$network/$tier in ${artifacts[0].orientation}; record it again"
            )
        }
        val byProgram = artifacts.associateBy { it.program }
        if (byProgram.size != artifacts.size) {
            throw BundleException("${request.subject} has a program twice; build it again")
        }
        for (program in trace.programs) {
            val artifact = byProgram[program.name] ?: throw BundleException(
                "the bundle has no ${program.name} of ${request.subject}; build it again"
            )
            val inputs = program.inputs.map { Pair(it.name, it.shape) }
            val outputs = program.outputs.map { Pair(it.name, it.shape) }
            if (artifact.inputs.map { Pair(it.name, it.shape) } != inputs ||
                artifact.outputs.map { Pair(it.name, it.shape) } != outputs ||
                artifact.weightsDigest != trace.weightsDigest
            ) {
                throw BundleException(
                    "the trace is of another ${program.name} than ${artifact.path}: tensors " +
                        "or weights differ; record it again"
                )
            }
        }
    }

    /** Loads every program, does [work] with those of the trace, and closes all. */
    private fun loaded(
        trace: Trace,
        nanos: MutableMap<String, Long>,
        work: (List<Wired>) -> Unit
    ) {
        val open = LinkedHashMap<String, LoadedProgram>()
        try {
            for (artifact in artifacts) {
                cancellation.check()
                val began = host.clock.nanos()
                open[artifact.program] = foreign("${artifact.path} cannot be loaded") {
                    host.engine.load(inside(bundle, artifact.path), artifact)
                }
                nanos[artifact.program] = host.clock.nanos() - began
            }
            work(trace.programs.map { Wired(it, open.getValue(it.name)) })
        } finally {
            open.values.forEach(::close)
        }
    }

    /** Closes a program; one that will not close takes nothing from what was measured. */
    private fun close(program: LoadedProgram) {
        try {
            foreign("a program cannot be closed") { program.close() }
        } catch (error: EngineException) {
            errors.add(error.message ?: "a program cannot be closed")
        }
    }

    private fun delegates(wired: List<Wired>): String? {
        val names = wired.map { it.loaded.delegate }.distinct()
        return if (null in names) null else names.joinToString(",")
    }

    private fun result(traceSha256: String): RunResult {
        val validity = validity()
        val subject = artifacts.first()
        return RunResult(
            schemaVersion = 1,
            runId = request.runId,
            startedAt = startedAt,
            tool = host.tool,
            device = host.device,
            subject = Subject(
                network = request.subject.network,
                tier = request.subject.tier,
                orientation = subject.orientation,
                format = request.subject.format,
                recipe = request.subject.recipe,
                weightsDigest = subject.weightsDigest,
                files = files,
                traceSha256 = traceSha256
            ),
            execution = Execution(
                process = host.process,
                runtime = host.engine.runtime,
                runtimeVersion = host.engine.runtimeVersion,
                delegateRequested = request.delegate,
                delegateActual = delegateActual,
                threads = request.threads
            ),
            plan = request.plan,
            latency = latencies(),
            sustained = sustained,
            memory = memory,
            thermal = watch.thermal,
            battery = watch.battery,
            parity = parity,
            instructionsPerFrame = null,
            validity = validity,
            status = status(validity),
            errors = errors
        )
    }

    private fun latencies(): List<Latency> {
        val timing = this.timing ?: return emptyList()
        val first = timing.firstNanos ?: return emptyList()
        if (timing.frameNanos.isEmpty()) return emptyList()
        val all = loadNanos.values.fold(0L) { total, nanos -> total + nanos }
        val frame = latency("frame", all, first, timing.frameNanos)
        return listOf(frame) + loadNanos.mapNotNull { (program, nanos) ->
            val firstCall = player?.firstNanos?.get(program)
            val samples = timing.callNanos[program] // of a program that only frame 0 calls: none
            if (firstCall == null || samples == null) null
            else latency("program:$program", nanos, firstCall, samples)
        }
    }

    private fun latency(what: String, load: Long, first: Long, samples: List<Long>) =
        Latency(what, load / NANOS_PER_MS, first / NANOS_PER_MS, samples, milliseconds(samples))

    private fun validity(): Validity {
        val plan = request.plan
        val readings = watch.thermal.mapNotNull { it.status }
        val minRunsMet = (timing?.frameNanos?.size ?: 0) >= plan.runs
        val minSecondsMet = timing?.seconds?.let { it >= plan.seconds } ?: false
        val thermalOk = if (readings.isEmpty()) null else readings.all { it <= WARMEST_VALID }
        val notDebuggable = host.debuggable?.not()
        val others = listOf(minRunsMet, minSecondsMet, thermalOk, notDebuggable)
        return Validity(
            physicalDevice = host.physical,
            latencyValid = host.physical && others.none { it == false },
            minRunsMet = minRunsMet,
            minSecondsMet = minSecondsMet,
            thermalOk = thermalOk,
            notDebuggable = notDebuggable
        )
    }

    private fun status(validity: Validity): String = failure ?: when {
        parity?.passed != true -> "parity_failed"
        validity.physicalDevice && !validity.latencyValid -> "invalid"
        delegateActual != request.delegate -> "fallback"
        else -> "ok"
    }
}
