/// A role's inbox: the messages among the frames of its socket.
package final class ZeroMQInbox<Message: WireMessage>: Inbox {
    // All but the reading of a frame is in a type without parameters, whose code needs no metadata at run time.
    private var frames: FrameInbox

    /// Frames that were no message for us, and why the last one was not.
    package private(set) var rejectedCount = 0
    package private(set) var lastRejection: FrameError?

    /// `wake`: lets another thread end a wait of `receive`.
    package init(
        _ station: Station, in directory: RuntimeDirectory, context: ZeroMQContext, wake: WakeSignal? = nil
    ) throws(WireError) {
        frames = try FrameInbox(station, in: directory, context: context, wake: wake)
    }

    /// Ends a wait while this descriptor is readable, like `wake` but never cleared: unwatch it once it was dealt with.
    package func watch(_ descriptor: Int32) { frames.watch(descriptor) }

    package func unwatch(_ descriptor: Int32) { frames.unwatch(descriptor) }

    /// Returns nil early when woken (`WakeSignal`, `watch`) and no message is there.
    package func receive(timeout: Double) -> Message? {
        var message: Message?
        frames.receive(timeout: timeout) { frame in
            do throws(FrameError) {
                message = try Message.read(frame: frame)
                return true
            } catch {
                rejectedCount += 1
                lastRejection = error
                return false
            }
        }
        return message
    }
}
