import { EncodedPacketSink, type AudioCodec, type EncodedPacket, type Input, type InputAudioTrack } from 'mediabunny'
import { clipEnd, type ClipTiming } from './clip.js'

/** One track, its packets as they are in the file it comes from. */
export interface SoundTrack {
  readonly codec: AudioCodec
  readonly languageCode: string
  readonly decoderConfig: AudioDecoderConfig
  readonly packets: readonly EncodedPacket[]
}

/** What a clip sounds like, to be carried over into another file. */
export interface Sound {
  readonly tracks: readonly SoundTrack[]
  /** Sentences for the reader of a log: what was left out. */
  readonly notes: readonly string[]
}

/**
 * Reads the sound of a file up to the end of the last frame of `timing`. A track that cannot be read as a whole is left
 * out with a note.
 */
export async function readSound(input: Input, timing: ClipTiming): Promise<Sound> {
  const tracks: SoundTrack[] = []
  const notes: string[] = []
  let listed: readonly InputAudioTrack[] = []
  try {
    listed = await input.getAudioTracks()
  } catch {
    notes.push('The sound is damaged and was left out.')
  }
  for (const track of listed) {
    let name = 'unknown'
    try {
      const codec = await track.getCodec()
      name = codec ?? String(await track.getInternalCodecId())
      const decoderConfig = codec === null ? null : await track.getDecoderConfig()
      if (codec === null || decoderConfig === null) {
        notes.push(`Sound in "${name}" is not known and was left out.`)
        continue
      }
      const packets = await readPackets(track, clipEnd(timing))
      if (packets.length > 0)
        tracks.push({ codec, languageCode: await track.getLanguageCode(), decoderConfig, packets })
    } catch {
      notes.push(`Sound in "${name}" is damaged and was left out.`)
    }
  }
  return { tracks, notes }
}

async function readPackets(track: InputAudioTrack, end: number): Promise<EncodedPacket[]> {
  const sink = new EncodedPacketSink(track)
  const packets: EncodedPacket[] = []
  for await (const packet of sink.packets()) {
    if (packet.timestamp >= end) break
    packets.push(packet)
  }
  // A packet that is not where the tables say ends them, as if there were no more.
  const last = packets.at(-1)
  const next = last
    ? await sink.getNextPacket(last, { metadataOnly: true })
    : await sink.getFirstPacket({ metadataOnly: true })
  if (next !== null && next.timestamp < end)
    throw new RangeError(`the packet at ${next.timestamp} s is not in the file`)
  return packets
}
