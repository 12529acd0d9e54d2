import { Text2LiveError } from '../errors.js'
import { sniffFormat } from '../media/sniffFormat.js'

/** Stands for standard input where a photo is named. */
export const standardInput = '-'

/** As many bytes as a photo's file may have. */
const maxBytes = 1024 ** 3
/** Bytes that tell a picture from anything else. */
const headBytes = 4096

/**
 * The photo that comes through a pipe. What is no picture is refused by its first bytes, without reading on.
 * @throws INPUT_NOT_FOUND for a terminal, INPUT_EMPTY, INPUT_NOT_IMAGE, INPUT_TOO_LARGE
 */
export async function readStandardInput(
  stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean } = process.stdin,
  limit = maxBytes,
): Promise<Uint8Array> {
  if (stdin.isTTY === true) {
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      'The photo "-" comes from standard input, and that is the keyboard here. Send a photo through a pipe, for example: ' +
        'cat teapot.jpg | text2live image - "golden teapot"',
    )
  }
  const chunks: Buffer[] = []
  let total = 0
  let known = false
  // Leaving the loop closes the stream, so that nothing waits for its end.
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk))
    total += chunks.at(-1)!.length
    if (total > limit) {
      throw new Text2LiveError(
        'INPUT_TOO_LARGE',
        `Expected a photo of at most ${limit} bytes from standard input, and more came. Make it smaller.`,
      )
    }
    if (!known && total >= headBytes) {
      assertPicture(Buffer.concat(chunks))
      known = true
    }
  }
  const bytes = Buffer.concat(chunks)
  if (total === 0)
    throw new Text2LiveError(
      'INPUT_EMPTY',
      'Expected a photo from standard input, but nothing came. Did the command before the pipe fail?',
    )
  assertPicture(bytes)
  return bytes
}

function assertPicture(bytes: Uint8Array): void {
  const { format, looksLike, remedy } = sniffFormat(bytes)
  if (format !== undefined) return
  throw new Text2LiveError(
    'INPUT_NOT_IMAGE',
    `Expected a JPEG, PNG, WebP, AVIF or TIFF file from standard input, but what comes looks like ${looksLike}. ${remedy}`,
  )
}
