extension RunResult {
    public enum Platform: String, Codable, Sendable {
        case android, ios, ipados, macos, linux
    }

    /// The runner that wrote the result.
    public struct Tool: Codable, Equatable, Sendable {
        public let name: String
        public let version: String

        enum CodingKeys: String, CodingKey {
            case name, version
        }
    }

    /// What it ran on, as the operating system says it.
    public struct Device: Codable, Equatable, Sendable {
        public let platform: Platform
        public let manufacturer: String?
        public let model: String?
        public let soc: String?
        public let osVersion: String?
        public let apiLevel: Int?
        public let abi: String?
        public let cpu: String?
        public let cores: Int?
        public let ramBytes: Int?
        public let mediaPerformanceClass: Int?
        public let emulator: Bool

        enum CodingKeys: String, CodingKey {
            case platform, manufacturer, model, soc
            case osVersion = "os_version"
            case apiLevel = "api_level"
            case abi, cpu, cores
            case ramBytes = "ram_bytes"
            case mediaPerformanceClass = "media_performance_class"
            case emulator
        }

        public init(
            platform: Platform, manufacturer: String?, model: String?, soc: String?,
            osVersion: String?, apiLevel: Int?, abi: String?, cpu: String?, cores: Int?,
            ramBytes: Int?, mediaPerformanceClass: Int?, emulator: Bool
        ) {
            self.platform = platform
            self.manufacturer = manufacturer
            self.model = model
            self.soc = soc
            self.osVersion = osVersion
            self.apiLevel = apiLevel
            self.abi = abi
            self.cpu = cpu
            self.cores = cores
            self.ramBytes = ramBytes
            self.mediaPerformanceClass = mediaPerformanceClass
            self.emulator = emulator
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(platform, forKey: .platform)
            try container.encode(manufacturer, forKey: .manufacturer)
            try container.encode(model, forKey: .model)
            try container.encode(soc, forKey: .soc)
            try container.encode(osVersion, forKey: .osVersion)
            try container.encode(apiLevel, forKey: .apiLevel)
            try container.encode(abi, forKey: .abi)
            try container.encode(cpu, forKey: .cpu)
            try container.encode(cores, forKey: .cores)
            try container.encode(ramBytes, forKey: .ramBytes)
            try container.encode(mediaPerformanceClass, forKey: .mediaPerformanceClass)
            try container.encode(emulator, forKey: .emulator)
        }
    }

    /// One program's file, as the device had it.
    public struct File: Codable, Equatable, Sendable {
        public let path: String
        public let program: String
        public let sha256: String
        public let sizeBytes: Int

        enum CodingKeys: String, CodingKey {
            case path, program, sha256
            case sizeBytes = "size_bytes"
        }
    }

    /// What was run.
    public struct Subject: Codable, Equatable, Sendable {
        public let network: String
        public let tier: String
        public let orientation: Orientation
        public let format: String
        public let recipe: String
        public let weightsDigest: String
        public let files: [File]
        public let traceSha256: String

        enum CodingKeys: String, CodingKey {
            case network, tier, orientation, format, recipe
            case weightsDigest = "weights_digest"
            case files
            case traceSha256 = "trace_sha256"
        }
    }

    /// How it was run.
    public struct Execution: Codable, Equatable, Sendable {
        public let process: RunProcess
        public let runtime: String
        public let runtimeVersion: String?
        public let delegateRequested: String
        public let delegateActual: String?
        public let threads: Int

        enum CodingKeys: String, CodingKey {
            case process, runtime
            case runtimeVersion = "runtime_version"
            case delegateRequested = "delegate_requested"
            case delegateActual = "delegate_actual"
            case threads
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(process, forKey: .process)
            try container.encode(runtime, forKey: .runtime)
            try container.encode(runtimeVersion, forKey: .runtimeVersion)
            try container.encode(delegateRequested, forKey: .delegateRequested)
            try container.encode(delegateActual, forKey: .delegateActual)
            try container.encode(threads, forKey: .threads)
        }
    }

    /// What was asked for.
    public struct Plan: Codable, Equatable, Sendable {
        public let warmups: Int
        public let runs: Int
        public let seconds: Double
        public let limitSeconds: Double
        public let framesPerSecond: Double?
        public let sustainedSeconds: Double

        enum CodingKeys: String, CodingKey {
            case warmups, runs, seconds
            case limitSeconds = "limit_seconds"
            case framesPerSecond = "frames_per_second"
            case sustainedSeconds = "sustained_seconds"
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(warmups, forKey: .warmups)
            try container.encode(runs, forKey: .runs)
            try container.encode(seconds, forKey: .seconds)
            try container.encode(limitSeconds, forKey: .limitSeconds)
            try container.encode(framesPerSecond, forKey: .framesPerSecond)
            try container.encode(sustainedSeconds, forKey: .sustainedSeconds)
        }
    }
}
