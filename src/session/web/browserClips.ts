import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { assertWebCodecs } from '../../media/web/assertWebCodecs.js'
import { webCodecsClips } from '../../media/web/webCodecsClips.js'
import type { ClipTools } from '../video/clipMachine.js'

/** What a browser's worker has for clips. */
export const browserClips: ClipTools = {
  clips: webCodecsClips,
  prepare: () => Promise.resolve().then(assertWebCodecs),
  digest(pieces) {
    // The browser's own digest takes all bytes at once, and the frames of a clip are too many for that.
    const hash = sha256.create()
    for (const piece of pieces) hash.update(typeof piece === 'string' ? utf8ToBytes(piece) : piece)
    return bytesToHex(hash.digest())
  },
}
