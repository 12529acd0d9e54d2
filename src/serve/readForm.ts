import { Text2LiveError } from '../errors.js'
import type { GivenOptions } from '../options/imageOptions.js'
import type { GivenVideoOptions } from '../options/videoOptions.js'
import type { LocateQuestion, NamedFile, NewRun } from '../session/runHost.js'
import { overSchema, readOptions } from './apiSchemas.js'
import { readBody } from './readBody.js'

/**
 * A new edit, of a photo or a clip.
 * @param most bytes of the request
 * @throws REQUEST_TOO_LARGE, REQUEST_INVALID for a form that is damaged, or lacks a part
 */
export async function readForm(request: Request, most: number): Promise<NewRun> {
  const form = await formOf(request, most)
  const mask = await fileIn(form, 'mask')
  const clip = await fileIn(form, 'clip')
  if (clip === null) return { kind: 'photo', ...(await questionIn(form)), mask }
  if (form.has('photo'))
    throw new Text2LiveError(
      'REQUEST_INVALID',
      'Expected a file in the part "photo" of the form or in the part "clip"; both came. Send one of them.',
    )
  const object: NamedFile[] = []
  for (const part of form.getAll('object')) object.push(await fileOf(part, 'object'))
  const over = await readOver(form.get('over'))
  return { kind: 'clip', options: await readGiven(form.get('options')), clip, object, mask, over }
}

/** What words are looked for in a photo with. @throws as `readForm` */
export const readQuestion = async (request: Request, most: number): Promise<LocateQuestion> =>
  await questionIn(await formOf(request, most))

async function formOf(request: Request, most: number): Promise<FormData> {
  const bytes = await readBody(request, most)
  const headers = { 'content-type': request.headers.get('content-type') ?? '' }
  return await new Response(bytes as Uint8Array<ArrayBuffer>, { headers }).formData().catch((cause: unknown) => {
    throw new Text2LiveError(
      'REQUEST_INVALID',
      'Expected a form (multipart/form-data) with the parts "options" and "photo"; what came cannot be read as one. Send it as docs/http.md shows.',
      { cause },
    )
  })
}

async function questionIn(form: FormData): Promise<LocateQuestion> {
  const photo = await fileIn(form, 'photo')
  if (photo === null)
    throw new Text2LiveError('REQUEST_INVALID', 'Expected a file in the part "photo" of the form; there is none.')
  return { options: await readGiven(form.get('options')), photo, over: await readOver(form.get('over')) }
}

async function fileIn(form: FormData, part: string): Promise<NamedFile | null> {
  const value = form.get(part)
  return value === null ? null : await fileOf(value, part)
}

async function fileOf(value: FormDataEntryValue, part: string): Promise<NamedFile> {
  if (typeof value === 'string')
    throw new Text2LiveError(
      'REQUEST_INVALID',
      `Expected a file in the part "${part}" of the form; a text came. Send it as docs/http.md shows.`,
    )
  return { name: value.name || part, bytes: new Uint8Array(await value.arrayBuffer()) }
}

async function readOver(part: FormDataEntryValue | null): Promise<readonly string[]> {
  if (part === null) return []
  const parsed = overSchema.safeParse(parseJson(await textOf(part), 'the part "over" of the form'))
  if (parsed.success) return parsed.data
  throw new Text2LiveError('REQUEST_INVALID', 'Expected names of runs as JSON in the part "over", as ["teapot-1"].')
}

/** A program may send a part with a media type, which makes it a file. */
const textOf = async (part: FormDataEntryValue | null): Promise<string> =>
  part === null ? '' : typeof part === 'string' ? part : await part.text()

async function readGiven(part: FormDataEntryValue | null): Promise<GivenOptions & GivenVideoOptions> {
  const text = await textOf(part)
  const parsed = readOptions.safeParse(parseJson(text, 'the part "options" of the form'))
  if (parsed.success) return parsed.data
  throw new Text2LiveError(
    'REQUEST_INVALID',
    `Expected options as JSON, as {"prompt": "golden teapot"}: ${parsed.error.issues[0]?.message ?? 'something else came'}.`,
  )
}

/** @throws REQUEST_INVALID */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Text2LiveError(
      'REQUEST_INVALID',
      `Expected JSON in ${what}; what came cannot be read as JSON: ${(cause as Error).message}.`,
      { cause },
    )
  }
}
