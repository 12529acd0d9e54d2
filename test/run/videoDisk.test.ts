import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runVideoJob } from '../../src/run/video/runVideoJob.js'
import { videoJobOf } from '../../src/run/video/videoJob.js'
import { toyVideoTrainer, writeToyClip, writeToyMask } from './toyVideo.mjs'

test('a disk that is full at the last frames is an error with a code; the folder goes on when there is room', async (context) => {
  const home = mkdtempSync(join(tmpdir(), 'text2live-video-disk-'))
  const disk = join(home, 'disk')
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'ignore' })
  } catch {
    rmSync(home, { recursive: true, force: true })
    return context.skip('this process may not mount a file system')
  }
  try {
    await writeToyClip(join(home, 'clip'), 6)
    await writeToyMask(join(home, '00000.png'))
    const out = join(disk, 'run')
    const ballast = join(disk, 'ballast')
    const fill = (): void => {
      for (let size = 1 << 20; size >= 512; size /= 2) {
        try {
          for (;;) writeFileSync(ballast, new Uint8Array(size), { flag: 'a' })
        } catch {
          /* full: try a smaller piece */
        }
      }
    }
    const run = (options: Parameters<typeof videoJobOf>[0], full: boolean) =>
      runVideoJob(
        videoJobOf(options, 'edit'),
        { openTrainer: toyVideoTrainer(), checkTexts: () => Promise.resolve(), signal: new AbortController().signal },
        (event) => {
          if (full && event.type === 'progress' && event.stage === 'rendering' && event.done >= 5) fill()
        },
      )
    const options = {
      clip: join(home, 'clip'),
      object: join(home, '00000.png'),
      prompt: 'gold',
      size: 0,
      steps: 2,
      seed: 3,
      device: 'cpu',
      threads: 1,
      out,
    } as const
    expect(
      await run(options, true).then(
        () => 'no error',
        (error: unknown) => (error as { code: string }).code,
      ),
    ).toBe('DISK_FULL')
    expect(existsSync(join(out, 'edited.mp4'))).toBe(false)
    expect(readdirSync(out).filter((name) => name.startsWith('.'))).toEqual([])
    rmSync(ballast)
    expect((await run({ resume: out }, false)).finished).toBe(true)
    expect(existsSync(join(out, 'edited.mp4'))).toBe(true)
  } finally {
    execFileSync('umount', [disk])
    rmSync(home, { recursive: true, force: true })
  }
})
