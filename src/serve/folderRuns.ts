import { lstat, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { clearAsides } from '../media/node/asidePath.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { holderText, lockHolder, takeLock, type ProcessLock } from '../media/node/processLock.js'
import { checkFolder } from '../run/checkFolder.js'
import { lockName, studioLockName } from '../run/folderLock.js'
import { writing } from '../run/fileErrors.js'
import { deleteHeldRun, isRunFolder, lookIn, makeRunFolder, openRunFolder } from '../run/runFolder.js'
import { readRunFile } from '../run/runFile.js'
import type { KeptRuns, RunFiles as LookedAt } from '../session/queue/queueMachine.js'
import { isRunName } from '../session/queue/runName.js'
import { runFiles } from '../session/runFiles.js'
import { maxConfigBytes } from '../session/readRunConfig.js'

const queueFile = '.studio.json'
const maxQueueBytes = 2 ** 24

/** The runs in a folder, those of the command line among them; of one server at a time. */
export class FolderRuns implements KeptRuns {
  readonly folder: string
  readonly #lock: ProcessLock

  private constructor(folder: string, lock: ProcessLock) {
    this.folder = folder
    this.#lock = lock
  }

  /**
   * Takes the folder, and makes it where there is none.
   * @throws RUN_LOCKED where another server has it, RUN_INVALID for the folder of a run, OUTPUT_NOT_WRITABLE
   */
  static async open(folder: string): Promise<FolderRuns> {
    if (isRunFolder(folder))
      throw new Text2LiveError(
        'RUN_INVALID',
        `Expected a folder that holds runs, but "${folder}" is a run itself. Give the folder that it is in.`,
      )
    await writing(folder, () => mkdir(folder, { recursive: true }))
    const lock = await writing(folder, () => takeLock(join(folder, studioLockName)))
    if (lock === null || 'pid' in lock)
      throw new Text2LiveError(
        'RUN_LOCKED',
        `The runs in "${folder}" are another studio's: ${lock === null ? 'another process' : holderText(lock)} works on them. Open its address, or give another folder.`,
      )
    await clearAsides(folder)
    return new FolderRuns(folder, lock)
  }

  close(): void {
    this.#lock.release()
  }

  async names(): Promise<readonly string[]> {
    const entries = await readdir(this.folder, { withFileTypes: true })
    const names = entries.filter((entry) => entry.isDirectory() && isRunName(entry.name)).map(({ name }) => name)
    const kept = await Promise.all(names.map((name) => this.#isRun(name)))
    return names.filter((_, i) => kept[i])
  }

  /** Where a run is. @throws RUN_NOT_FOUND */
  async path(name: string): Promise<string> {
    const path = join(this.folder, isRunName(name) ? name : '.none')
    const found = await lstat(path).catch(() => null)
    if (isRunName(name) && found?.isDirectory() === true) return path
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a run "${name}" here, but there is none. It may have been deleted.`,
    )
  }

  async look(name: string): Promise<LookedAt> {
    const path = await this.path(name)
    checkFolder(path)
    const found = await lstat(path)
    return { ...lookIn(path), created: found.birthtimeMs || found.ctimeMs, holder: holderIn(path) }
  }

  /**
   * For each run a text that is another when something of it was changed, by whomever, or another process took it or
   * let it go.
   */
  async stamps(): Promise<ReadonlyMap<string, string>> {
    const names = await this.names()
    const stamps = names.map(async (name) => {
      const path = join(this.folder, name)
      const times = [runFiles.config, runFiles.events, runFiles.checkpoint].map(async (file) => {
        const found = await lstat(join(path, file)).catch(() => null)
        return found === null ? '' : `${found.size} ${found.mtimeMs}`
      })
      return [name, [...(await Promise.all(times)), holderIn(path)].join('; ')] as const
    })
    return new Map(await Promise.all(stamps))
  }

  async make(name: string, contents: Readonly<Record<string, Uint8Array | string>>) {
    const [, stem = name, number = '1'] = /^(.*)-(\d{1,9})$/.exec(name) ?? []
    for (let n = Number(number); ; n++) {
      // The first name is free among the runs; something else may stand there.
      const free = `${stem}-${n}`
      try {
        const run = await makeRunFolder(join(this.folder, free), free, false, contents)
        return { name: free, release: () => run.release() }
      } catch (error) {
        if (!(error instanceof Text2LiveError && error.code === 'OUTPUT_EXISTS')) throw error
      }
    }
  }

  async write(name: string, file: string, bytes: Uint8Array): Promise<void> {
    const run = await openRunFolder(await this.path(name))
    try {
      await run.write(file, bytes)
    } finally {
      run.release()
    }
  }

  async delete(name: string): Promise<void> {
    const run = await openRunFolder(await this.path(name))
    try {
      await deleteHeldRun(run)
    } finally {
      run.release()
    }
  }

  async readQueue(): Promise<string | null> {
    return (await readRunFile(join(this.folder, queueFile), maxQueueBytes))?.toString('utf8') ?? null
  }

  async writeQueue(text: string): Promise<void> {
    this.#lock.assertHeld()
    await atomicWrite(join(this.folder, queueFile), text)
  }

  async #isRun(name: string): Promise<boolean> {
    const config = await readRunFile(join(this.folder, name, runFiles.config), maxConfigBytes).catch(() => null)
    return /^configVersion:/m.test(config?.toString('utf8') ?? '')
  }
}

function holderIn(path: string): string | null {
  const holder = lockHolder(join(path, lockName))
  return holder === null ? null : holderText(holder)
}
