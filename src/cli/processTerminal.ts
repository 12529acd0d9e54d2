import { Text2LiveError } from '../errors.js'
import { errorText } from './errorText.js'
import type { OutputLoss, Terminal } from './terminal.js'

/** The streams of this process as a terminal that outlives them. */
export interface ProcessTerminal extends Terminal {
  /** Waits until all is written, tells on stderr what stdout refused, and gives the status to exit with. */
  finish(status: number): Promise<number>
}

/**
 * Streams of a process fail: the reader of a pipe goes away, the disk behind a file is full, a terminal window is
 * closed. No such failure ends the process by itself, and after the first nothing more is written, so that a file of
 * events has no hole.
 */
export function openProcessTerminal(): ProcessTerminal {
  const { stdout, stderr } = process
  const lost = new AbortController()
  stdout.on('error', (error: NodeJS.ErrnoException) => lost.abort(lossOf(error)))
  // There is no third place to tell it.
  stderr.on('error', () => undefined)
  const debug = process.env['TEXT2LIVE_DEBUG'] === '1'
  const width = Math.min((stderr.isTTY ? stderr.columns : 0) || 100, 110)
  // Colours are never written; a terminal that is dumb does not take the codes that write over a line either.
  const isDumb = process.env['TERM'] === 'dumb'
  return {
    stdout: {
      get isTTY() {
        return stdout.isTTY && !isDumb
      },
      get columns() {
        return stdout.columns
      },
      write: (text) => lost.signal.aborted || stdout.write(text),
    },
    stderr,
    width,
    debug,
    outputLost: lost.signal,
    async finish(status) {
      if (!lost.signal.aborted)
        await new Promise<void>((resolve) => {
          stdout.write('', () => resolve())
        })
      const loss = lost.signal.reason as OutputLoss | undefined
      if (loss === undefined || loss === 'reader left') return status
      stderr.write(errorText(loss, width, debug))
      return status === 0 ? loss.exitStatus : status
    },
  }
}

function lossOf(error: NodeJS.ErrnoException): OutputLoss {
  if (error.code === 'EPIPE') return 'reader left'
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT'
  return new Text2LiveError(
    full ? 'DISK_FULL' : 'OUTPUT_NOT_WRITABLE',
    `Standard output cannot be written: ${full ? 'no space is left on its disk' : error.message}. Send it elsewhere, or make room.`,
    { cause: error, exitStatus: 1 },
  )
}
