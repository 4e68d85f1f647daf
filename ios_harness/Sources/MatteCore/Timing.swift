/// Steps 5 and 6 of a run: samples of frames, and frames at the camera's rate.
struct Timing {
    private let plan: RunResult.Plan
    private let clock: any MonotonicClock
    private let log: RunLog

    init(_ plan: RunResult.Plan, _ clock: any MonotonicClock, _ log: RunLog) {
        self.plan = plan
        self.clock = clock
        self.log = log
    }

    func sample(_ player: Player, frames: Int) throws {
        var loop = FrameLoop(frames: frames)
        for _ in 0..<plan.warmups {
            try player.play(loop.advance())
        }
        let start = clock.nanoseconds()
        while true {
            log.readWhenDue()
            let seconds = Double(clock.nanoseconds() - start) / nsPerSecond
            log.runsMet = log.frameNs.count >= plan.runs
            log.secondsMet = seconds >= plan.seconds
            let limitPassed = !log.frameNs.isEmpty && seconds >= plan.limitSeconds
            if limitPassed || (log.runsMet && log.secondsMet) { return }
            log.frameNs.append(try player.play(loop.advance()))
            for call in player.callsNs {
                log.programNs[call.program, default: []].append(call.ns)
            }
        }
    }

    func sustain(_ player: Player, frames: Int) throws {
        guard let framesPerSecond = plan.framesPerSecond else { return }
        var loop = FrameLoop(frames: frames)
        let periodNs = nsPerSecond / framesPerSecond
        let start = clock.nanoseconds()
        let end = start + UInt64(plan.sustainedSeconds * nsPerSecond)
        var due = start
        while due < end && clock.nanoseconds() < end {
            log.readWhenDue()
            clock.sleep(until: due)
            log.sustainedNs.append(try player.play(loop.advance()))
            let now = clock.nanoseconds()
            due = start + UInt64(Double(log.sustainedNs.count) * periodNs)
            log.late += now > due ? 1 : 0
            log.sustainedSeconds = Double(now - start) / nsPerSecond
        }
    }
}
