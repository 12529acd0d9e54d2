import { z } from 'zod'
import {
  describedClipOptions,
  describedOptions,
  entrySchema,
  filesSchema,
  locatedSchema,
  machineSchema,
  overSchema,
  queueRequestSchema,
  queueSchema,
  requestSchema,
  runsSchema,
  submittedSchema,
  updateSchema,
} from './apiSchemas.js'

/** Longest request with pictures, with a clip, and with the zip of a run, bytes. */
export const limits = { pictures: 2 ** 27, clip: 2 ** 29, zip: 2 ** 29, json: 2 ** 16 } as const

/** Where the interface begins. A change that breaks programs gets another number. */
export const apiBase = '/api/v1'

/** A body by its media type: what JSON there is, `parts` of a form, or bytes. */
type Content = Readonly<Record<string, z.ZodType | 'bytes' | { readonly parts: Readonly<Record<string, Part>> }>>

interface Part {
  readonly schema: z.ZodType | 'file'
  readonly required: boolean
  readonly about: string
}

export interface Operation {
  readonly method: 'get' | 'post'
  /**
   * Below `apiBase`; `{run}` is a name of a run, `{job}` of a job of the queue, `{file}` of one of their files with
   * each slash as %2F or as it is, `{layer}` foreground or background.
   */
  readonly path: string
  readonly summary: string
  readonly request?: Content
  readonly status: 200 | 201 | 204
  readonly answer?: Content
  /** Statuses of errors that this one has besides those that all have. */
  readonly errors: readonly number[]
}

const photo: Part = { schema: 'file', required: true, about: 'JPEG, PNG, WebP, AVIF or TIFF' }
const clip: Part = {
  schema: 'file',
  required: false,
  about: 'in place of a photo: MP4, MOV, WebM, MKV, AVI or GIF; the options are those of a clip then',
}
const object: Part = {
  schema: 'file',
  required: false,
  about:
    'of a clip: the mask of the object in one frame, named by the number of the frame, from 0 ("00012.png"); the part may come several times',
}
const over: Part = {
  schema: overSchema,
  required: false,
  about:
    'names of runs that it stands on, the lowest first: their composite is what it edits. Runs below a clip are over the same clip, and share their atlas with it; JSON',
}
const options: Part = { schema: describedOptions, required: true, about: 'JSON' }

/** The HTTP interface: routes, their checks' descriptions and docs/openapi.json are made from it. */
export const operations = {
  machine: {
    method: 'get',
    path: '/machine',
    summary: 'The machine that runs are made on',
    status: 200,
    answer: { 'application/json': machineSchema },
    errors: [],
  },
  listRuns: {
    method: 'get',
    path: '/runs',
    summary: 'All runs',
    status: 200,
    answer: { 'application/json': runsSchema },
    errors: [],
  },
  addRun: {
    method: 'post',
    path: '/runs',
    summary:
      'Submits a new edit of a photo or a clip, or brings the zip of a run; it is put last in the queue, or kept as it is',
    request: {
      'multipart/form-data': {
        parts: {
          options: { ...options, schema: z.union([describedOptions, describedClipOptions]) },
          photo: { ...photo, required: false },
          over,
          clip,
          object,
          mask: {
            schema: 'file',
            required: false,
            about: 'bounds the edit: white may change; of a clip its first frame',
          },
        },
      },
      'application/zip': 'bytes',
    },
    status: 201,
    answer: { 'application/json': submittedSchema },
    errors: [400, 413, 422, 507],
  },
  getRun: {
    method: 'get',
    path: '/runs/{run}',
    summary: 'One run',
    status: 200,
    answer: { 'application/json': entrySchema },
    errors: [404],
  },
  askRun: {
    method: 'post',
    path: '/runs/{run}/requests',
    summary: 'Asks something of a run: to go on, to pause, to stop, ...',
    request: { 'application/json': requestSchema },
    status: 204,
    errors: [400, 404, 409, 413, 422],
  },
  listFiles: {
    method: 'get',
    path: '/runs/{run}/files',
    summary: 'The files a run has now',
    status: 200,
    answer: { 'application/json': filesSchema },
    errors: [404],
  },
  getFile: {
    method: 'get',
    path: '/runs/{run}/files/{file}',
    summary: 'A file of a run',
    status: 200,
    answer: { '*/*': 'bytes' },
    errors: [404, 422],
  },
  getZip: {
    method: 'get',
    path: '/runs/{run}/zip',
    summary: 'The run as a zip, which the command line continues once it is unpacked, and which can be brought again',
    status: 200,
    answer: { 'application/zip': 'bytes' },
    errors: [404],
  },
  paint: {
    method: 'post',
    path: '/runs/{run}/painted/{layer}',
    summary:
      "Maps a layer that was painted on the atlas of a clip's run to all frames, when its turn comes: a PNG of the size of foreground-atlas.png or background-atlas.png; the clips are files of the run, painted/edited.mp4 among them",
    request: { 'image/png': 'bytes' },
    status: 204,
    errors: [400, 404, 409, 413, 422, 507],
  },
  setMask: {
    method: 'post',
    path: '/runs/{run}/mask',
    summary:
      'Another mask for the run of a photo that is at work or held, from its next step on: white may change; nothing sent takes the mask off. The run tells it by an event "mask", and by a "warning" one that cannot be read or does not fit the photo. name in the query is what messages call it',
    request: { 'image/*': 'bytes' },
    status: 204,
    errors: [400, 404, 409, 413, 422],
  },
  locate: {
    method: 'post',
    path: '/locate',
    summary: 'Where the words of the region are in a photo, before anything is trained',
    request: { 'multipart/form-data': { parts: { options, photo, over } } },
    status: 200,
    answer: { 'application/json': locatedSchema },
    errors: [400, 413, 422],
  },
  preview: {
    method: 'post',
    path: '/preview',
    summary:
      'A photo as a run reads it, as a PNG of 8 bits and of its own upright size: for a page whose browser does not show TIFF, or CMYK in wrong colours. name in the query is what messages call it',
    request: { 'application/octet-stream': 'bytes' },
    status: 200,
    answer: { 'image/png': 'bytes' },
    errors: [400, 413, 422],
  },
  getQueue: {
    method: 'get',
    path: '/queue',
    summary: 'The queue that other machines work on, where the studio was given one with --queue',
    status: 200,
    answer: { 'application/json': queueSchema },
    errors: [],
  },
  askJob: {
    method: 'post',
    path: '/queue/jobs/{job}/requests',
    summary: 'Cancels a job of the queue, or tries it again',
    request: { 'application/json': queueRequestSchema },
    status: 204,
    errors: [400, 404, 413],
  },
  listJobFiles: {
    method: 'get',
    path: '/queue/jobs/{job}/files',
    summary: "The files that the store has of a job's run folder",
    status: 200,
    answer: { 'application/json': filesSchema },
    errors: [404],
  },
  getJobFile: {
    method: 'get',
    path: '/queue/jobs/{job}/files/{file}',
    summary: 'One of these files',
    status: 200,
    answer: { '*/*': 'bytes' },
    errors: [404, 413],
  },
  getJobThumbnail: {
    method: 'get',
    path: '/queue/jobs/{job}/thumbnail',
    summary: 'What a job has made, or its latest preview, small',
    status: 200,
    answer: { 'image/webp': 'bytes' },
    errors: [404],
  },
  events: {
    method: 'get',
    path: '/events',
    summary:
      'What happens to all runs, as server-sent events; after a break, with Last-Event-ID, what was missed, or all runs anew',
    status: 200,
    answer: { 'text/event-stream': updateSchema },
    errors: [],
  },
  describe: {
    method: 'get',
    path: '/openapi.json',
    summary: 'This description',
    status: 200,
    answer: { 'application/json': z.record(z.string(), z.unknown()) },
    errors: [],
  },
} as const satisfies Readonly<Record<string, Operation>>

export type OperationName = keyof typeof operations
