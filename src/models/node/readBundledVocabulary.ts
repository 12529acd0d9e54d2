import { readFile } from 'node:fs/promises'

/** Bytes of CLIP's vocabulary, which the package carries, for `createBundledTokenizer`. */
export async function readBundledVocabulary(): Promise<Uint8Array> {
  return readFile(new URL('../../../models/clip-bpe/bpe_simple_vocab_16e6.txt.gz', import.meta.url))
}
