// A process that says where words are in a photo, and ends: a step of the engine blocks the thread that runs it, and
// who asked may not want to know any more.
import { Text2LiveError } from '../errors.js'
import type { LocateRequest } from '../session/locatePhoto.js'
import type { LocatedMap } from '../session/runHost.js'
import type { WorkerFailure } from './workerMessages.js'

/** What it answers with. */
export type LocateReply = { readonly located: LocatedMap } | { readonly failure: WorkerFailure }

if (process.send === undefined)
  throw new Text2LiveError('INTERNAL', 'locateProcess runs in a process of its own; use locateInProcess.')

const answer = (reply: LocateReply): void =>
  void process.send?.(reply, undefined, undefined, () => process.disconnect())

process.once('message', (asked: LocateRequest) => {
  locate(asked).then(
    (located) => answer({ located }),
    (error: unknown) => {
      const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
      answer({ failure: { code: error instanceof Text2LiveError ? error.code : null, message, stack } })
    },
  )
})
process.on('disconnect', () => process.exit())

async function locate(asked: LocateRequest): Promise<LocatedMap> {
  const [{ locatePhoto }, { nodePlace }, { nodeMachine }] = await Promise.all([
    import('../session/locatePhoto.js'),
    import('./buildTrainer.js'),
    import('./nodeMachine.js'),
  ])
  const { map, share, notes } = await locatePhoto(asked, { ...nodePlace, codec: nodeMachine.codec })
  return { map, share, notes }
}
