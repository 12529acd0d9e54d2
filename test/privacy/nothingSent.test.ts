import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasStrace, plainEnvironment, problemsOf, traced } from '../../scripts/ci/trace.mjs'

const place = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const main = place('../../dist/cli/main.js')
const program = place('./embeddingProgram.mjs')
const clip = place('../../examples/swan.mp4')

const toy =
  '--preset preview --steps 1 --size 192 --views 1 --generator-width 8 --scale-min 1 --scale-max 1 --crops-min-cover 1'.split(
    ' ',
  )

const straceHere = hasStrace()
if (!straceHere && process.env['TEXT2LIVE_REQUIRE_STRACE'] === '1')
  throw new Error('TEXT2LIVE_REQUIRE_STRACE=1, and there is no strace')

let scratch = ''
let photo = ''
beforeAll(async () => {
  if (!existsSync(main)) throw new Error('dist is not built: npm run build')
  scratch = mkdtempSync(join(tmpdir(), 'text2live-privacy-'))
  photo = join(scratch, 'teapot.png')
  await sharp(place('../../examples/teapot.jpg')).resize(160, 160).png().toFile(photo)
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Runs Node as a person does, with an empty home: what it says, and what it left in that home. */
async function node(
  args: readonly string[],
  more: Record<string, string> = {},
): Promise<{ status: number; output: string; home: readonly string[] }> {
  const env = plainEnvironment(mkdtempSync(join(scratch, 'run-')), more)
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ status, output: stdout + stderr, home: readdirSync(env['HOME']!, { recursive: true }).map(String) })
    })
  })
}

describe('what ONNX Runtime would send by itself', () => {
  it('is off in a program whose environment wants it on', async () => {
    const { output, home } = await node([program, 'main', 'session'], { ORT_DISABLE_TELEMETRY: '0' })
    expect(output).toMatch(/^done: answered: /)
    expect(home).toEqual([])
  })

  it.each(['worker', 'worker-own-env'])('is refused where nothing but a worker could turn it off: %s', async (how) => {
    const { output, home } = await node([program, how, 'session'])
    expect(output).toMatch(/^TELEMETRY_ON: .*ORT_DISABLE_TELEMETRY=1/)
    expect(home).toEqual([])
    const edited = await node([program, how, 'edit', photo, join(scratch, 'refused')])
    expect(edited.output).toMatch(/^TELEMETRY_ON: /)
    expect(edited.home).toEqual([])
  })

  it('is refused in a worker of a process that says 0', async () => {
    expect((await node([program, 'worker', 'session'], { ORT_DISABLE_TELEMETRY: '0' })).output).toMatch(
      /^TELEMETRY_ON: /,
    )
  })

  it.each([
    ['worker', { ORT_DISABLE_TELEMETRY: '1' }],
    ['worker-share-env', {}],
    ['worker-after-main', {}],
  ] as const)('is off in a worker where the process was told: %s', async (how, more) => {
    const { output, home } = await node([program, how, 'session'], more)
    expect(output).toMatch(/^done: answered: /)
    expect(home).toEqual([])
  })
})

describe('a command line longer than the stack of what reads it', () => {
  it.each([40_000, 100_000])('is a prompt that is too long, for the command: %d bytes', async (length) => {
    const { status, output, home } = await node([
      main,
      'image',
      photo,
      'golden '.repeat(length / 7),
      '--source',
      'teapot',
      '--device',
      'cpu',
      '--preset',
      'preview',
      '--out',
      join(scratch, 'long'),
    ])
    expect(output).toContain('error PROMPT_TOO_LONG')
    expect(status).toBe(2)
    expect(home).toEqual([])
  })

  it('does not end a program that embeds the library', async () => {
    const { status, output } = await node([program, 'main', 'prompt', photo, '100000', 'x'.repeat(100_000)])
    expect(output).toMatch(/^PROMPT_TOO_LONG: /)
    expect(status).toBe(0)
  })
})

describe.skipIf(!straceHere)('by its system calls', () => {
  it.each([
    [
      'an edit by the command',
      (out: string) => [
        main,
        'image',
        photo,
        'golden teapot',
        '--source',
        'teapot',
        ...toy,
        '--device',
        'cpu',
        '--out',
        join(out, 'run'),
      ],
    ],
    ['an edit by a program', (out: string) => [program, 'main', 'edit', photo, join(out, 'run')]],
    ['a clip that a program reads and writes', (out: string) => [program, 'main', 'clip', clip, join(out, 'clip.mp4')]],
  ])('%s looks up no name, connects to nothing and writes into its folder alone', (_, args) => {
    const out = mkdtempSync(join(scratch, 'out-'))
    const { status, stdout, stderr, problems } = traced(process.execPath, args(out), { folders: [out] })
    expect(problems).toEqual([])
    expect(`${stdout}${stderr}`).toContain('done: ')
    expect(status).toBe(0)
    expect(readdirSync(out)).toHaveLength(1)
  })

  it('would be told of a look-up, and of a file elsewhere', () => {
    const elsewhere = join(scratch, 'elsewhere')
    const code = `require('fs').writeFileSync(${JSON.stringify(elsewhere)}, ''); require('dns').lookup('host.invalid', () => {})`
    const { problems } = traced(process.execPath, ['-e', code])
    expect(problems).toContainEqual(expect.stringMatching(/look-up|looked up|asked a service/))
    expect(problems).toContainEqual(expect.stringMatching(new RegExp(`^openat .*${elsewhere}$`)))
  })
})

it('reads the lines that strace writes', () => {
  const log = `
7 connect(21<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0
7 connect(21<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.7")}, 16) = -1 EINPROGRESS (Operation now in progress)
7 connect(21<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
7 connect(21<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>
8 openat(AT_FDCWD</work>, "out/a.png", O_WRONLY|O_CREAT|O_CLOEXEC, 0666 <unfinished ...>
7 <... connect resumed>)   = -1 EINPROGRESS (Operation now in progress)
8 <... openat resumed>)    = 9</work/out/a.png>
8 openat(AT_FDCWD</work>, "../home/b", O_RDWR|O_CREAT, 0666) = -1 EROFS (Read-only file system)
8 mkdir("/home/me/.cache/Microsoft", 0700) = 0
8 openat(AT_FDCWD</work>, "/dev/null", O_WRONLY) = 3</dev/null>
8 rename("/work/out/a.png", "/home/me/a.png") = 0`
  expect(problemsOf(log, ['/work/out'], '/work').map((line) => line.replace(/: .*/, ''))).toEqual([
    'looked up a name at 127.0.0.53',
    'connect to 203.0.113.7',
    'connect to 2001:db8::1',
    'mkdir /home/me/.cache/Microsoft',
    'rename /home/me/a.png',
  ])
})
