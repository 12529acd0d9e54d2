import type { RunEvent } from '../events.js'
import { firstFiles, keptSettings } from '../savedRun.js'
import { preparePhoto } from '../startPhoto.js'
import { prepareClip } from '../video/prepareClip.js'
import { checkBroughtRun } from './checkBroughtRun.js'
import type { QueueChecks, QueueMachine } from './queueMachine.js'

/** The checks of a queue, in the thread that calls them. */
export const checksHere = ({ codec, clips }: Pick<QueueMachine, 'codec' | 'clips'>): QueueChecks => ({
  async prepare(job) {
    const told: RunEvent[] = []
    const { settings, input } = await preparePhoto(job, { codec }, (event) => told.push(event))
    return { files: firstFiles(keptSettings(settings, input, settings.device), input, 1), told }
  },
  prepareClip: (asked) => prepareClip(asked, { codec, ...clips }, new AbortController().signal),
  brought: async (files, name) => Object.keys(await checkBroughtRun(files, name, { codec, ...clips })),
})
