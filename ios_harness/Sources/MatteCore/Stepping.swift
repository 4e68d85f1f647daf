/// What is said of a window of frames.
public enum Pace: String, Decodable, Sendable {
    case unknown, timely, between, late
}

/// The way of the change before.
public enum Way: String, Decodable, Sendable {
    case none, up, down
}

/// What does not change while an app runs.
public struct StepRules: Decodable, Sendable {
    /// Place of the tier that was chosen: nothing above it is run, 0 is the lowest.
    public let ceiling: Int
    /// Budget of a frame; nil where there is none, and no frame is late.
    public let limitMs: Double?

    enum CodingKeys: String, CodingKey {
        case ceiling
        case limitMs = "limit_ms"
    }

    public init(ceiling: Int, limitMs: Double?) {
        self.ceiling = ceiling
        self.limitMs = limitMs
    }
}

/// Where the machine stands; see docs/on-device.md.
public struct StepState: Decodable, Equatable, Sendable {
    /// Place of the tier that runs, and since when.
    public private(set) var at: Int
    public private(set) var changedMs: Int
    public private(set) var nowMs: Int
    var last = Way.none
    var status: Int?
    var troubleMs: Int?
    var calmMs: Int?
    /// How long a calm must last for a step up.
    var neededMs = Limits.calmMs
    var windowMs: Int?
    var frames = 0
    var late = 0
    var pace = Pace.unknown

    enum CodingKeys: String, CodingKey {
        case at
        case changedMs = "changed_ms"
        case nowMs = "now_ms"
        case last, status
        case troubleMs = "trouble_ms"
        case calmMs = "calm_ms"
        case neededMs = "needed_ms"
        case windowMs = "window_ms"
        case frames, late, pace
    }

    /// The state of an app that begins to run what was chosen.
    public init(_ rules: StepRules, atMs: Int, status: Int?) {
        at = rules.ceiling
        changedMs = atMs
        nowMs = atMs
        self.status = status
    }

    /// The platform said how warm it is: 0 none to 6 shutdown.
    public mutating func warmed(_ rules: StepRules, atMs: Int, status: Int?) {
        pass(to: atMs)
        self.status = status
        judge()
        move(rules)
    }

    /// A frame ended that took so long.
    public mutating func played(_ rules: StepRules, atMs: Int, frameMs: Double) {
        pass(to: atMs)
        count(rules, frameMs)
        judge()
        move(rules)
    }

    /// An app could not open the tier to step to, and still runs the one at `place`.
    public mutating func resumed(_ rules: StepRules, atMs: Int, place: Int) {
        nowMs = max(atMs, nowMs)
        at = min(place, rules.ceiling)
        changedMs = nowMs
        forget()
    }

    /// An event from before the last counts as of the same time.
    private mutating func pass(to atMs: Int) {
        let now = max(atMs, nowMs)
        if now - nowMs > Limits.gapMs { forget() }
        nowMs = now
    }

    /// Know nothing of what lasted.
    private mutating func forget() {
        troubleMs = nil
        calmMs = nil
        windowMs = nil
        frames = 0
        late = 0
        pace = .unknown
    }

    private mutating func count(_ rules: StepRules, _ frameMs: Double) {
        frames += 1
        if let limitMs = rules.limitMs, frameMs > limitMs { late += 1 }
        let begunMs = windowMs ?? nowMs
        windowMs = begunMs
        guard nowMs - begunMs >= Limits.windowMs else { return }
        pace = StepState.pace(frames: frames, late: late)
        windowMs = nowMs
        frames = 0
        late = 0
    }

    private static func pace(frames: Int, late: Int) -> Pace {
        if frames < Limits.leastFrames {
            // A tier so slow that few frames end in a window is late, not unknown.
            return late * 2 > frames ? .late : .unknown
        }
        if late * Limits.lateOneIn >= frames { return .late }
        return late * Limits.timelyOneIn <= frames ? .timely : .between
    }

    private mutating func judge() {
        let warm = status ?? 0
        let trouble = warm >= Limits.severe || pace == .late
        let calm = !trouble && warm <= Limits.warmestCalm && pace == .timely
        troubleMs = trouble ? troubleMs ?? nowMs : nil
        calmMs = calm ? calmMs ?? nowMs : nil
    }

    private mutating func move(_ rules: StepRules) {
        let ranMs = nowMs - changedMs
        if let troubleMs {
            let patienceMs = (status ?? 0) >= Limits.critical ? 0 : Limits.troubleMs
            if nowMs - troubleMs >= patienceMs, ranMs >= Limits.downDwellMs, at > 0 {
                stepDown(ranMs)
                return
            }
        }
        if let calmMs, nowMs - calmMs >= neededMs, ranMs >= Limits.upDwellMs, at < rules.ceiling {
            change(to: at + 1, .up)
        }
    }

    private mutating func stepDown(_ ranMs: Int) {
        if last == .up && ranMs <= Limits.relapseMs {
            neededMs = min(2 * neededMs, Limits.mostCalmMs)
        } else if last != .down {
            neededMs = Limits.calmMs
        }
        change(to: at - 1, .down)
    }

    private mutating func change(to place: Int, _ way: Way) {
        forget()
        at = place
        changedMs = nowMs
        last = way
    }

    private enum Limits {
        static let severe = 3  // Android's; Apple's serious
        static let critical = 4
        static let warmestCalm = 1  // light; Apple's fair
        static let troubleMs = 5_000  // that trouble lasts before it counts
        static let downDwellMs = 10_000  // from one change to a step down
        static let upDwellMs = 120_000  // from one change to a step up
        static let calmMs = 60_000  // that a calm lasts before a step up; doubled by each relapse
        static let mostCalmMs = 960_000
        static let relapseMs = 300_000  // a step down so soon after one up is a relapse
        static let gapMs = 5_000  // without an event what lasted begins anew
        static let windowMs = 2_000  // over which frames are judged together
        static let leastFrames = 4  // of a window that says anything
        // A quarter of the frames is what an eye sees as stutter; the budget itself is a 95th
        // percentile.
        static let lateOneIn = 4
        static let timelyOneIn = 20
    }
}
