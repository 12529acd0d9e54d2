import { randomBytes } from 'node:crypto'
import { Command, InvalidArgumentError } from 'commander'
import { Text2LiveError } from '../errors.js'
import { readRegularFile } from '../media/node/readRegularFile.js'
import { errorText } from './errorText.js'
import { openBrowser } from './openBrowser.js'
import { givenQueue, type QueueFlags, queueOptions, storePlace } from './queueFlags.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { SetStatus, Terminal } from './terminal.js'

interface StudioFlags extends QueueFlags {
  readonly port?: number
  readonly listen: string
  readonly tokenFile?: string
  readonly open: boolean
}

/** Where a token may be given, for servers that other programs start. */
const tokenVariable = 'TEXT2LIVE_TOKEN'

/** `text2live studio [folder]` */
export function studioCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('studio')
    .description('open the studio: a page to paint, train and compare edits, served from this machine')
    .argument('[folder]', 'where runs are kept', 'runs')
    .option('--port <n>', 'the port to serve at (default: 5483, or a free one where that is taken)', port)
    .option('--listen <address>', 'serve other machines too, at this address of this one; needs a token', '127.0.0.1')
    .option(
      '--token-file <path>',
      `a file with the token that lets in; or the variable ${tokenVariable} (default: drawn)`,
    )
    .option('--no-open', 'open no browser')
    .helpOption('-h, --help', 'show this text')
  for (const option of queueOptions()) command.addOption(option.helpGroup('A queue of other machines, to be shown:'))
  return command
    .addHelpText(
      'after',
      `
Examples:
  $ text2live studio
      the runs in runs/, in the browser; the address that is printed lets in, once it is opened the browser stays in
  $ text2live studio --no-open --port 8080 ~/edits
      other runs, another port
  $ text2live studio --queue redis://10.0.0.5 --store /mnt/edits
      shows what the machines work on that run "text2live worker" with them, too
  $ openssl rand -hex 32 > token && text2live studio --listen 192.168.1.20 --token-file token
      for other machines: what is sent is not encrypted, so only in a network that you trust, or through a tunnel

Programs use it as the page does: docs/http.md.`,
    )
    .action(async (folder: string, flags: StudioFlags) => {
      const { startStudio, isLoopback } = await import('../serve/startStudio.js')
      const { askProcess } = await import('../run/runInProcess.js')
      const { checksInProcess, taskInProcess } = await import('../run/taskInProcess.js')
      const given = await givenToken(flags.tokenFile)
      if (given === null && !isLoopback(flags.listen))
        throw new Text2LiveError(
          'TOKEN_NEEDED',
          `To serve at ${flags.listen}, where other machines can ask, a token of your own is needed, and none came. ` +
            `Draw one with "openssl rand -hex 32 > token" and give it with --token-file token, or in ${tokenVariable}.`,
        )
      const token = given ?? randomBytes(24).toString('base64url')
      const stoppable = {
        stopping: 'stopping; a run at work finishes its step and keeps what it has reached',
        onStop: () => undefined,
        goOn: 'text2live studio',
      }
      setStatus(
        await stopOnSignals(terminal, stoppable, async (signal) => {
          const queue = await openQueueView(flags)
          try {
            const studio = await startStudio({
              folder,
              listen: flags.listen,
              port: flags.port ?? null,
              token,
              workers: {
                work: askProcess,
                checks: checksInProcess,
                preview: (photo, signal) => taskInProcess('preview', photo, signal),
              },
              queue,
              onFault: (error) => terminal.stderr.write(errorText(error, terminal.width, terminal.debug)),
            })
            try {
              const taken = studio.moved ? ' (the usual port is taken)' : ''
              terminal.stdout.write(
                `studio of ${folder}${taken}: ${studio.address}?token=${encodeURIComponent(token)}\n`,
              )
              terminal.stdout.write('press Ctrl-C to stop; runs that are at work go on next time\n')
              if (flags.open) openBrowser(`${studio.address}?token=${studio.ticket()}`)
              if (!signal.aborted)
                await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
            } finally {
              await studio.close()
            }
          } finally {
            await queue?.close()
          }
          return { finished: true, folder: null }
        }),
      )
    })
}

/** @throws all that `QueueView.open` throws, before anything is served */
async function openQueueView(flags: QueueFlags) {
  const url = givenQueue(flags)
  if (url === undefined) return undefined
  const { QueueView } = await import('../queue/queueView.js')
  return await QueueView.open({ queue: url, queueName: flags.queueName, store: storePlace(flags) })
}

function port(text: string): number {
  const value = Number(text)
  if (/^\d{1,5}$/.test(text) && value >= 1 && value <= 65_535) return value
  throw new InvalidArgumentError('Expected a port from 1 to 65535.')
}

/** @throws INPUT_NOT_FOUND, TOKEN_NEEDED for a file that holds none */
async function givenToken(file: string | undefined): Promise<string | null> {
  if (file === undefined) return process.env[tokenVariable] ?? null
  const bytes = await readRegularFile(file, { what: 'a file with a token', maxBytes: 4096 })
  const token = new TextDecoder().decode(bytes).trim()
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new Text2LiveError(
    'TOKEN_NEEDED',
    `Expected a token in "${file}": one line of letters, digits and signs without spaces. Draw one with: openssl rand -hex 32 > token`,
  )
}
