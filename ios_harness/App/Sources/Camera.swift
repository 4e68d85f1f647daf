import AVFoundation
import Combine
import CoreImage
import Foundation
import MatteCore
import MatteCoreML

/// The front camera, each frame laid over green by the tier that the bundle's lock chooses for this
/// device, or by `t04` where the bundle has no lock. Frames that come while one is at work are
/// dropped.
final class Camera: NSObject, ObservableObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    @Published var picture: CGImage?
    @Published var trouble: String?

    private let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "dev.pocketmatte.harness.camera")
    private let context = CIContext()
    private let bundle = URL.documentsDirectory.appendingPathComponent("bundle")
    private var chosen: ChosenStream?  // of the queue, as what follows
    private var changes: ThermalChanges?
    private var isOpening = false

    func start() async {
        do {
            guard await AVCaptureDevice.requestAccess(for: .video) else {
                throw Fault("no camera without permission; allow it in Settings")
            }
            let bundle = self.bundle
            let chosen = try await Task.detached { try await choice(of: bundle) }.value
            try connect()
            queue.async {
                self.chosen = chosen
                self.changes = ThermalChanges(on: self.queue) { [weak self] status in
                    self?.chosen?.stepper.warmed(status)
                }
                self.session.startRunning()
            }
        } catch {
            show(nil, oneLine(error))
        }
    }

    func stop() {
        queue.async { self.session.stopRunning() }
    }

    private func connect() throws {
        guard session.outputs.isEmpty else { return }
        guard
            let device = AVCaptureDevice.default(
                .builtInWideAngleCamera, for: .video, position: .front)
        else { throw Fault("this device has no front camera") }
        let input = try AVCaptureDeviceInput(device: device)
        let output = AVCaptureVideoDataOutput()
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        guard session.canAddInput(input), session.canAddOutput(output) else {
            throw Fault("the camera is in use; close what uses it")
        }
        session.addInput(input)
        session.addOutput(output)
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let chosen, let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        do {
            let laid = try chosen.stepper.frame { stream, _ -> CGImage? in
                let frame = cut(CIImage(cvPixelBuffer: buffer), height: stream.height, stream.width)
                let over = try stream.composite(frame, over: [0, 1, 0])
                return image(over, height: stream.height, width: stream.width)
            }
            show(laid, nil)
        } catch {
            show(nil, oneLine(error))
        }
        openWanted(chosen)
    }

    /// Open the tier to step to beside the one that runs, which goes on until it is there.
    private func openWanted(_ chosen: ChosenStream) {
        let stepper = chosen.stepper
        guard let step = stepper.wanted, !isOpening else { return }
        isOpening = true
        Task.detached { [bundle, queue] in
            do {
                let stream = try await MatteStream.make(bundle, step, on: chosen.delegate)
                queue.async { stepper.opened(stream, step) }
            } catch {
                let why = oneLine(error)
                queue.async { stepper.refused(why) }
            }
            queue.async { self.isOpening = false }
        }
    }

    /// The middle of a picture, scaled to fill the network's frame.
    private func cut(_ picture: CIImage, height: Int, _ width: Int) -> [UInt8] {
        let across = CGFloat(width) / picture.extent.width
        let down = CGFloat(height) / picture.extent.height
        let scale = max(across, down)
        let scaled = picture.transformed(by: CGAffineTransform(scaleX: scale, y: scale))
        let left = (scaled.extent.midX - CGFloat(width) / 2).rounded()
        let bottom = (scaled.extent.midY - CGFloat(height) / 2).rounded()
        let bounds = CGRect(x: left, y: bottom, width: CGFloat(width), height: CGFloat(height))
        var rgba = [UInt8](repeating: 0, count: 4 * width * height)
        context.render(
            scaled, toBitmap: &rgba, rowBytes: 4 * width, bounds: bounds, format: .RGBA8,
            colorSpace: CGColorSpace(name: CGColorSpace.sRGB))
        return rgba
    }

    private func image(_ rgba: [UInt8], height: Int, width: Int) -> CGImage? {
        guard let provider = CGDataProvider(data: Data(rgba) as CFData) else { return nil }
        let info = CGBitmapInfo(rawValue: CGImageAlphaInfo.noneSkipLast.rawValue)
        return CGImage(
            width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 32,
            bytesPerRow: 4 * width, space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: info,
            provider: provider, decode: nil, shouldInterpolate: true, intent: .defaultIntent)
    }

    private func show(_ picture: CGImage?, _ trouble: String?) {
        DispatchQueue.main.async {
            self.picture = picture
            self.trouble = trouble
        }
    }
}

private func choice(of bundle: URL) async throws -> ChosenStream {
    let lock = bundle.appendingPathComponent("tiers.lock.json")
    if FileManager.default.fileExists(atPath: lock.path) {
        let version = Bundle.main.infoDictionary?["CFBundleVersion"] as? String ?? ""
        return try await chosenStream(
            bundle, on: .neuralEngine, app: version, debuggable: !isReleaseBuild)
    }
    let artifacts = try Manifest.read(bundle).artifacts.filter {
        $0.network == "rvm" && $0.tier == "t04" && $0.recipe == "fp16"
    }
    let landscape = artifacts.first(where: {
        $0.format == Selection.format && $0.frame.orientation == .landscape
    })
    guard let artifact = landscape else {
        throw Fault("the bundle has neither a lock nor rvm t04 in coreml fp16; build it")
    }
    let step = HeldStep(
        tier: artifact.tier, format: artifact.format, recipe: artifact.recipe,
        files: [HeldFile(artifact)])
    let stream = try await MatteStream.make(bundle, step, on: .neuralEngine)
    let stepper = Stepper(
        [step], at: 0, limitMs: nil, clock: SystemClock(), status: nil, model: stream)
    return ChosenStream(stepper, on: .neuralEngine)
}
