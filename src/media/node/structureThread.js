// @ts-check
// The thread of `checkStructure`. JavaScript, since Node starts it as a file of its own: also where the files around it are still TypeScript, in tests.
import { parentPort, workerData } from 'node:worker_threads'
import { ALL_FORMATS, EncodedPacketSink, FilePathSource, HLS, Input, Logging, LogLevel } from 'mediabunny'

/** Frames that are read ahead of the last one that is wanted: those that wait for the decoder, and those that it holds back. */
const ahead = 120

const { path, frames, sound } = /** @type {{ path: string, frames: number, sound: boolean }} */ (workerData)
Logging.level = LogLevel.Silent
parentPort?.postMessage('loaded')
const input = new Input({ source: new FilePathSource(path), formats: ALL_FORMATS.filter((format) => format !== HLS) })
try {
  for (const track of sound ? await input.getAudioTracks() : [await input.getPrimaryVideoTrack()]) {
    if (track === null) continue
    await track.getDecoderConfig()
    const packets = new EncodedPacketSink(track)
    // What a decoder starts with; the others are looked up, but their data are not read.
    ;(await packets.getKeyPacket(-Infinity, { verifyKeyPackets: true })) ??
      (await packets.getFirstKeyPacket({ verifyKeyPackets: true }))
    let left = frames + ahead
    for await (const _ of packets.packets(undefined, undefined, { metadataOnly: true })) if (--left <= 0) break
  }
} catch {
  // Whoever reads the file after this meets the same error, and names it.
} finally {
  input.dispose()
}
