import AVFoundation
import Combine
import CoreImage
import Foundation
import MatteCore
import MatteCoreML

/// The front camera, each frame laid over green. Frames that come while one is at work are dropped.
final class Camera: NSObject, ObservableObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    @Published var picture: CGImage?
    @Published var trouble: String?

    private let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "dev.pocketmatte.harness.camera")
    private let context = CIContext()
    private var stream: MatteStream?

    func start() async {
        do {
            guard await AVCaptureDevice.requestAccess(for: .video) else {
                throw Fault("no camera without permission; allow it in Settings")
            }
            let bundle = URL.documentsDirectory.appendingPathComponent("bundle")
            let stream = try await MatteStream.make(
                bundle, tier: "t04", recipe: "fp16", on: .neuralEngine)
            try connect()
            queue.async {
                self.stream = stream
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
        guard let stream, let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        do {
            let frame = cut(CIImage(cvPixelBuffer: buffer), height: stream.height, stream.width)
            let laid = try stream.composite(frame, over: [0, 1, 0])
            show(image(laid, height: stream.height, width: stream.width), nil)
        } catch {
            show(nil, oneLine(error))
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
