/// What a run has measured so far: what ends it early loses nothing.
final class RunLog {
    var files: [RunResult.File] = []
    var delegateActual: String?
    var loadNs: [String: UInt64] = [:]
    var firstNs: [String: UInt64] = [:]
    var firstFrameNs: UInt64?
    var parity: RunResult.Parity?
    var frameNs: [UInt64] = []
    var programNs: [String: [UInt64]] = [:]
    var runsMet = false
    var secondsMet = false
    var sustainedNs: [UInt64] = []
    var sustainedSeconds = 0.0
    var late = 0
    var memory: RunResult.Memory?
    var thermal: [RunResult.Heat] = []
    var battery: [RunResult.Battery] = []
    var errors: [String] = []
    var failed: RunStatus?

    private let clock: any MonotonicClock
    private let heat: any ThermalProbe
    private let power: any BatteryProbe
    private let startNs: UInt64
    private var nextReadingNs: UInt64

    init(_ clock: any MonotonicClock, _ heat: any ThermalProbe, _ power: any BatteryProbe) {
        self.clock = clock
        self.heat = heat
        self.power = power
        startNs = clock.nanoseconds()
        nextReadingNs = startNs
    }

    /// Read the thermal state and the battery. Their `seconds` count from the start of the run.
    func read() {
        let now = clock.nanoseconds()
        let seconds = Double(now - startNs) / nsPerSecond
        nextReadingNs = now + UInt64(nsPerSecond)
        thermal.append(RunResult.Heat(seconds: seconds, status: heat.status(), celsius: nil))
        if let found = power.read() {
            battery.append(
                RunResult.Battery(
                    seconds: seconds, percent: found.percent, charging: found.charging,
                    lowPowerMode: found.lowPowerMode))
        }
    }

    func readWhenDue() {
        if clock.nanoseconds() >= nextReadingNs {
            read()
        }
    }

    /// Of whole frames first, then of each program that was called, in the order of the trace.
    func latency(_ programs: [String]) -> [RunResult.Latency] {
        var found: [RunResult.Latency] = []
        let all = loadNs.values.reduce(0, +)
        if let frame = latency("frame", loadNs: all, firstNs: firstFrameNs, frameNs) {
            found.append(frame)
        }
        for program in programs {
            let one = latency(
                "program:\(program)", loadNs: loadNs[program], firstNs: firstNs[program],
                programNs[program] ?? [])
            if let one {
                found.append(one)
            }
        }
        return found
    }

    func sustained(_ framesPerSecond: Double?) -> RunResult.Sustained? {
        let lastQuarter = sustainedNs.dropFirst(sustainedNs.count * 3 / 4)
        guard let framesPerSecond, let ms = Statistics(inMs(sustainedNs)),
            let last = Statistics(inMs(Array(lastQuarter)))
        else { return nil }
        return RunResult.Sustained(
            framesPerSecond: framesPerSecond, seconds: sustainedSeconds,
            frames: sustainedNs.count, late: late, ms: ms, lastQuarterP95Ms: last.p95)
    }

    /// Whether no reading was above 1; nil without a reading.
    var thermalOk: Bool? {
        let statuses = thermal.compactMap { $0.status }
        return statuses.isEmpty ? nil : statuses.allSatisfy { $0 <= 1 }
    }

    private func latency(
        _ what: String, loadNs: UInt64?, firstNs: UInt64?, _ samples: [UInt64]
    ) -> RunResult.Latency? {
        guard let loadNs, let firstNs, let ms = Statistics(inMs(samples)) else { return nil }
        return RunResult.Latency(
            what: what, loadMs: Double(loadNs) / nsPerMs, firstMs: Double(firstNs) / nsPerMs,
            samplesNs: samples, ms: ms)
    }
}

private func inMs(_ samples: [UInt64]) -> [Double] {
    samples.map { Double($0) / nsPerMs }
}
