extension RunResult {
    /// Of one program, or of whole frames: `what` is `frame`, or `program:` and its name.
    public struct Latency: Codable, Equatable, Sendable {
        public let what: String
        public let loadMs: Double
        public let firstMs: Double
        public let samplesNs: [UInt64]
        public let ms: Statistics

        enum CodingKeys: String, CodingKey {
            case what
            case loadMs = "load_ms"
            case firstMs = "first_ms"
            case samplesNs = "samples_ns"
            case ms
        }
    }

    /// A run at the camera's rate.
    public struct Sustained: Codable, Equatable, Sendable {
        public let framesPerSecond: Double
        public let seconds: Double
        public let frames: Int
        public let late: Int
        public let ms: Statistics
        public let lastQuarterP95Ms: Double

        enum CodingKeys: String, CodingKey {
            case framesPerSecond = "frames_per_second"
            case seconds, frames, late, ms
            case lastQuarterP95Ms = "last_quarter_p95_ms"
        }
    }

    /// The most memory that a pass of its own came to.
    public struct Memory: Codable, Equatable, Sendable {
        public let peakBytes: Int
        public let method: String

        enum CodingKeys: String, CodingKey {
            case peakBytes = "peak_bytes"
            case method
        }

        public init(peakBytes: Int, method: String) {
            self.peakBytes = peakBytes
            self.method = method
        }
    }

    /// One reading of the thermal state.
    public struct Heat: Codable, Equatable, Sendable {
        public let seconds: Double
        public let status: Int?
        public let celsius: Double?

        enum CodingKeys: String, CodingKey {
            case seconds, status, celsius
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(seconds, forKey: .seconds)
            try container.encode(status, forKey: .status)
            try container.encode(celsius, forKey: .celsius)
        }
    }

    /// One reading of the battery.
    public struct Battery: Codable, Equatable, Sendable {
        public let seconds: Double
        public let percent: Double?
        public let charging: Bool?
        public let lowPowerMode: Bool?

        enum CodingKeys: String, CodingKey {
            case seconds, percent, charging
            case lowPowerMode = "low_power_mode"
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(seconds, forKey: .seconds)
            try container.encode(percent, forKey: .percent)
            try container.encode(charging, forKey: .charging)
            try container.encode(lowPowerMode, forKey: .lowPowerMode)
        }
    }

    /// How far an output lies from the trace.
    public struct OutputFigures: Codable, Equatable, Sendable {
        public let program: String
        public let name: String
        public let calls: Int
        public let finite: Bool
        public let psnrDb: Double?
        public let freeMaxAbs: Double?
        public let maxAbs: Double?
        public let mad: Double?
        public let flipped: Double?
        public let faults: [String]

        enum CodingKeys: String, CodingKey {
            case program, name, calls, finite
            case psnrDb = "psnr_db"
            case freeMaxAbs = "free_max_abs"
            case maxAbs = "max_abs"
            case mad, flipped, faults
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(program, forKey: .program)
            try container.encode(name, forKey: .name)
            try container.encode(calls, forKey: .calls)
            try container.encode(finite, forKey: .finite)
            try container.encode(psnrDb, forKey: .psnrDb)
            try container.encode(freeMaxAbs, forKey: .freeMaxAbs)
            try container.encode(maxAbs, forKey: .maxAbs)
            try container.encode(mad, forKey: .mad)
            try container.encode(flipped, forKey: .flipped)
            try container.encode(faults, forKey: .faults)
        }
    }

    /// The numeric verdict.
    public struct Parity: Codable, Equatable, Sendable {
        public let frames: Int
        public let outputs: [OutputFigures]
        public let sha256: String
        public let passed: Bool

        enum CodingKeys: String, CodingKey {
            case frames, outputs, sha256, passed
        }
    }

    /// What the latencies are worth; nil where nobody could tell.
    public struct Validity: Codable, Equatable, Sendable {
        public let physicalDevice: Bool
        public let latencyValid: Bool
        public let minRunsMet: Bool?
        public let minSecondsMet: Bool?
        public let thermalOk: Bool?
        public let notDebuggable: Bool?

        enum CodingKeys: String, CodingKey {
            case physicalDevice = "physical_device"
            case latencyValid = "latency_valid"
            case minRunsMet = "min_runs_met"
            case minSecondsMet = "min_seconds_met"
            case thermalOk = "thermal_ok"
            case notDebuggable = "not_debuggable"
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(physicalDevice, forKey: .physicalDevice)
            try container.encode(latencyValid, forKey: .latencyValid)
            try container.encode(minRunsMet, forKey: .minRunsMet)
            try container.encode(minSecondsMet, forKey: .minSecondsMet)
            try container.encode(thermalOk, forKey: .thermalOk)
            try container.encode(notDebuggable, forKey: .notDebuggable)
        }
    }
}
