import { type ErrorCode, Text2LiveError } from './errors.js'

/** The headings that docs/errors.md has, in this order. */
const headings = {
  pictures: 'Photos and other pictures',
  masks: 'Masks, points and objects',
  clips: 'Clips',
  options: 'Texts and options',
  runs: 'Run folders',
  models: 'Models',
  atlases: 'Layered atlases',
  devices: 'Devices and installation',
  batch: 'Lists, queues and stores',
  server: 'The studio and its server',
  inside: 'Inside the program',
} as const

interface Advice {
  readonly group: keyof typeof headings
  /** When it is met; whole sentences. */
  readonly means: string
  /** What to do, beyond what the message itself says. */
  readonly remedy: string
}

/** What each code says. */
export const errorGuide: Readonly<Record<ErrorCode, Advice>> = {
  INPUT_NOT_FOUND: {
    group: 'pictures',
    means: 'There is no file at a path that was given, or it is a pipe or a device.',
    remedy:
      'Check the path and the folder that the command is called in. A pattern such as `*.jpg` in quotes is not expanded; an address is not fetched.',
  },
  INPUT_NOT_IMAGE: {
    group: 'pictures',
    means: 'The file is no picture of a kind that is read here: what it looks like is in the message.',
    remedy: 'Convert it to PNG, JPEG, WebP, AVIF or TIFF; a painted layer to PSD in RGB, ORA or PNG.',
  },
  INPUT_EMPTY: {
    group: 'pictures',
    means: 'The file has no bytes.',
    remedy: 'Copy or download it again. Of a pipe: see whether the program before it failed.',
  },
  INPUT_TRUNCATED: {
    group: 'pictures',
    means: 'The file ends early, or bytes in it are damaged.',
    remedy: 'Copy or download it again, or save it again with the program that made it.',
  },
  INPUT_TOO_SMALL: {
    group: 'pictures',
    means: 'The picture, or the frames of the clip, are smaller than the generator can be trained on.',
    remedy: 'Take a larger picture, or a larger `--size`.',
  },
  INPUT_TOO_LARGE: {
    group: 'pictures',
    means: 'The picture has more pixels, or the file more bytes, than fit in memory.',
    remedy: 'Scale it down first. Layers of a painted file: merge some of them.',
  },
  INPUT_BLANK: {
    group: 'pictures',
    means: 'The photo shows one colour all over, so that no edit of it can be told from another.',
    remedy: 'Give a photo that shows something. Of a cut-out: its colours may be only in its alpha.',
  },
  LAYER_UNSUPPORTED: {
    group: 'pictures',
    means:
      'A layer has something that colour and opacity cannot say (a blend mode, an adjustment, an effect), or another size than the picture it belongs to.',
    remedy: 'Rasterise or merge that layer; its name is in the message.',
  },
  MASK_INVALID: {
    group: 'masks',
    means: 'A mask is no picture of the right size, shows nothing or all, or belongs to no frame of the clip.',
    remedy: 'White is where the edit may go. Give it the size of the photo; name masks of a clip as its frames.',
  },
  POINT_INVALID: {
    group: 'masks',
    means: '`--point` lies outside the picture, or names a frame that the clip does not have.',
    remedy: 'Count pixels of the clip from the upper left, and frames from 0: `--point 400,220,12`.',
  },
  OBJECT_NOT_FOUND: {
    group: 'masks',
    means: 'Nothing in the clip stands out, moves, or is what the text names.',
    remedy: 'Give a mask of one frame with `--object`, or a point on the object with `--point`.',
  },
  CLIP_NOT_VIDEO: {
    group: 'clips',
    means: 'The file is no video that is read here, or its structure is damaged.',
    remedy: 'If a player shows it, convert it as the message says; or give its frames as a folder of images.',
  },
  CLIP_TRUNCATED: {
    group: 'clips',
    means: 'The clip is cut short, or its frames are damaged.',
    remedy: 'Copy or download it again.',
  },
  CLIP_TOO_SHORT: {
    group: 'clips',
    means: 'The clip has fewer frames than an atlas can be fitted to: five are needed.',
    remedy: 'Give a longer clip, or edit one frame as a photo.',
  },
  CLIP_TOO_LARGE: {
    group: 'clips',
    means: 'The frames of the clip would not fit in memory.',
    remedy: 'Take fewer with `--frames`, or a smaller `--size`.',
  },
  CLIP_SIZES_DIFFER: {
    group: 'clips',
    means: 'The images of a folder do not all have one size.',
    remedy: 'Take out what does not belong to the clip, or resize it.',
  },
  CLIP_STILL: {
    group: 'clips',
    means: 'All frames show the same picture.',
    remedy: 'Edit one of them as a photo with `text2live image`.',
  },
  CLIP_CUT: {
    group: 'clips',
    means: 'The clip has more than one shot; an atlas is that of one.',
    remedy: 'Cut it, or read only the frames before the cut with `--frames`.',
  },
  CLIP_CODEC_MISSING: {
    group: 'clips',
    means: 'The codec of the clip cannot be decoded or encoded, or the optional package with the codecs is missing.',
    remedy:
      'Install again without `--omit=optional`; or convert the clip to H.264 or VP9; or give a folder of images, which needs no codec.',
  },
  PROMPT_EMPTY: {
    group: 'options',
    means: 'A text is needed, and none or an empty one came.',
    remedy: 'Say what the edited picture shows, in quotes.',
  },
  PROMPT_TOO_LONG: {
    group: 'options',
    means: 'A text has more tokens than the text model reads.',
    remedy: 'Shorten it: a few words do best. `--truncate` cuts it where the message shows.',
  },
  PROMPT_NOT_UNDERSTOOD: {
    group: 'options',
    means: 'The model knows no word of a text, so that any other such text would mean the same to it.',
    remedy: 'Say it in English, in Latin letters and in everyday words; or take a real CLIP with `--guidance`.',
  },
  OPTION_UNKNOWN: {
    group: 'options',
    means: 'There is no such option.',
    remedy: 'The nearest is in the message; `--help` and [the list of options](options.md) have all.',
  },
  OPTION_INVALID: {
    group: 'options',
    means: 'An option has a value that it does not take, or does not go together with another.',
    remedy: 'The message says which values it takes, with an example.',
  },
  COMMAND_UNKNOWN: {
    group: 'options',
    means: 'The first word is no command.',
    remedy: 'To edit a photo begin with `text2live image`; `text2live --help` lists the commands.',
  },
  CONFIG_INVALID: {
    group: 'options',
    means: 'A config file is missing, no YAML, or holds a value that its option does not take.',
    remedy: 'The line is in the message. A config of the published code is taken as it is.',
  },
  CONFIG_UNKNOWN_KEY: {
    group: 'options',
    means: 'A config file has a key that is no option.',
    remedy: 'Correct the name, or remove the line.',
  },
  OUTPUT_EXISTS: {
    group: 'runs',
    means: 'What would be written is there already, and nothing is overwritten unasked.',
    remedy: 'Choose another name, or replace it with `--force`; a run goes on with `--resume`.',
  },
  OUTPUT_NOT_WRITABLE: {
    group: 'runs',
    means: 'The system does not let a file or folder be written.',
    remedy: 'Check permissions, or choose another folder.',
  },
  RUN_NOT_FOUND: {
    group: 'runs',
    means: 'There is no run folder at that path or of that name.',
    remedy: '`text2live runs list` lists those in `runs/`.',
  },
  RUN_INVALID: {
    group: 'runs',
    means:
      'The folder is no run folder, or one that was changed: links in it, files that a run does not have, paths that lead out of it.',
    remedy: 'Take another copy of the run, or begin a new one with its `config.yaml`.',
  },
  RUN_LOCKED: {
    group: 'runs',
    means: 'Another process is at work on the run, or a studio on all runs of the folder.',
    remedy:
      'Wait for it or stop it. After the loss of another machine that worked on it, the folder is free a minute later.',
  },
  CHECKPOINT_INVALID: {
    group: 'runs',
    means: 'A checkpoint is not one of this program, or does not fit the run.',
    remedy: 'Delete it to begin the run, or that stage of it, again.',
  },
  CHECKPOINT_MISMATCH: {
    group: 'runs',
    means: 'The run is to be continued with settings or pictures that its steps so far were not made with.',
    remedy: 'Set back what the message names, or start a new run with the new values.',
  },
  LEASE_LOST: {
    group: 'runs',
    means: 'This process was suspended, or lost the drive, for a minute or more, and another took the run folder over.',
    remedy: 'Nothing more was written. Wait for the other process; what it leaves can be continued.',
  },
  DISK_FULL: {
    group: 'runs',
    means: 'There is no room left on the disk. What was written before is whole.',
    remedy: 'Make room (`text2live runs clean --previews`), then go on with `--resume`.',
  },
  GUIDANCE_NOT_FOUND: {
    group: 'models',
    means: 'There is no model at the path or of the name given to `--guidance`.',
    remedy: 'Check the path; `text2live models list` lists the names that are known.',
  },
  GUIDANCE_INVALID: {
    group: 'models',
    means: 'The files are no CLIP with a vision transformer, or do not fit together.',
    remedy: "Take a model in the Hugging Face layout, or OpenAI's own files. [Which are read](models.md)",
  },
  GUIDANCE_INCAPABLE: {
    group: 'models',
    means:
      'No guidance model of the run answers what is asked: not all read texts, or say where a text is in a picture.',
    remedy: 'Name one that does beside it: `--guidance ./mine.mjs --guidance starter`.',
  },
  PRECISION_UNAVAILABLE: {
    group: 'models',
    means:
      '`--precision int8` was asked for where integer products do not come out right or gain nothing: on a graphics card, in a browser, on a processor without instructions for them, or with a guidance model that is no CLIP.',
    remedy: 'Leave it out: `--precision float32` is the default.',
  },
  GUIDANCE_NOT_REGISTERED: {
    group: 'models',
    means:
      'A run, a config or a list names a guidance plug-in. Its code is not run unless a person names its module: a run folder may come from anybody.',
    remedy:
      'Name the module: `--guidance ./mine.mjs` on the command line, or `registerGuidance` in a program. [Plug-ins](plugins.md)',
  },
  MODEL_UNKNOWN: {
    group: 'models',
    means: 'The hub shows no model of that name, or nothing is at that address.',
    remedy: 'Check the name. A private or gated model needs `HF_TOKEN`.',
  },
  MODEL_NOT_CACHED: {
    group: 'models',
    means: 'A model is not on this machine, and was not asked for by whoever runs the command.',
    remedy: 'Name it with `--guidance`, or fetch it with `text2live models get`.',
  },
  MODEL_OFFLINE: {
    group: 'models',
    means: 'The files of a model are needed, and there is no network, or `HF_HUB_OFFLINE` is set.',
    remedy: 'Fetch them on another machine and copy them: `text2live models import`.',
  },
  MODEL_DAMAGED: {
    group: 'models',
    means: 'A file of a model is not the one that its publisher names by its hash.',
    remedy: 'Remove the model and fetch it again: `text2live models remove`, `text2live models get`.',
  },
  DOWNLOAD_FAILED: {
    group: 'models',
    means: 'A download failed several times in a row.',
    remedy: 'Run the same again: it goes on where it was. Behind a proxy set `HTTPS_PROXY`.',
  },
  SAFETENSORS_INVALID: {
    group: 'models',
    means: 'A safetensors file (a model, a checkpoint, an atlas) is damaged or cut.',
    remedy: 'Copy or download it again. A damaged checkpoint can be deleted; the run then begins again.',
  },
  PYTORCH_FILE_INVALID: {
    group: 'models',
    means: 'A `.pt` file is none of PyTorch, or damaged.',
    remedy: 'Copy or download it again.',
  },
  PICKLE_UNSAFE: {
    group: 'models',
    means: 'A `.pt` file asks for code to be run. None of it was.',
    remedy: 'Take the file from its publisher, or a safetensors file in its place.',
  },
  ATLAS_INVALID: {
    group: 'atlases',
    means: 'The file or folder holds no atlas that is read here.',
    remedy: 'Give a run folder of a clip, or a published checkpoint with its `config.json`.',
  },
  ATLAS_MISMATCH: {
    group: 'atlases',
    means: 'The atlas was fitted to other frames than those given: another clip, number or size.',
    remedy: 'Use the clip, `--frames` and `--size` of the fit.',
  },
  ATLAS_EMPTY: {
    group: 'atlases',
    means: 'The layer to edit is opaque in no frame.',
    remedy: 'Say what the object is and fit again, lower `--opacity-threshold`, or edit the background.',
  },
  DEVICE_UNAVAILABLE: {
    group: 'devices',
    means: 'The device that was asked for does not work here; the reason is in the message.',
    remedy: '`--device cpu` works everywhere. `text2live doctor` tries all. For NVIDIA cards: [CUDA](cuda.md)',
  },
  DEPENDENCY_MISSING: {
    group: 'devices',
    means: 'A native part of a package is not installed, or not for this system.',
    remedy: 'Install again without `--omit=optional`, on the system that it shall run on.',
  },
  TELEMETRY_ON: {
    group: 'devices',
    means: 'ONNX Runtime was loaded with its telemetry on, where it can no longer be turned off.',
    remedy: 'Start the program with `ORT_DISABLE_TELEMETRY=1`.',
  },
  OUT_OF_MEMORY: {
    group: 'devices',
    means: 'The system ended the run because memory ran out.',
    remedy: 'Take a smaller `--size`, fewer `--views`, or a smaller photo; then `--resume` goes on, if the size stays.',
  },
  DEVICE_FAILED: {
    group: 'devices',
    means: 'A device stopped working while it trained, or computes wrongly.',
    remedy: 'Resume the run, with `--device cpu` if it happens again; then report it with `text2live doctor`.',
  },
  LOSS_NOT_FINITE: {
    group: 'devices',
    means: 'A loss became infinite or no number. The state before that step is kept.',
    remedy: 'Lower `--learning-rate` or the loss weights, or take another `--seed`.',
  },
  LIST_INVALID: {
    group: 'batch',
    means:
      'The list of a batch has rows that cannot be made: each is named with its file, line and column. Nothing was started.',
    remedy:
      'Mend the rows that are named; `--dry-run` checks the list again without starting anything. [JSON Schemas](batch.md) of a row let an editor check them as you write.',
  },
  QUEUE_UNREACHABLE: {
    group: 'batch',
    means: 'Nothing that speaks the protocol of Redis answers at the address of the queue.',
    remedy:
      'See whether Redis runs there and whether a firewall is between; `redis-cli -u <address> ping` from this machine should answer `PONG`.',
  },
  QUEUE_REFUSED: {
    group: 'batch',
    means: 'Redis answers, but wants another user or password.',
    remedy: 'Set the address with both in `TEXT2LIVE_QUEUE`, where no list of processes shows it.',
  },
  QUEUE_UNSUPPORTED: {
    group: 'batch',
    means: 'Redis is older than 6.2, or set up so that it may forget jobs when its memory is full.',
    remedy: 'Update it, or set `maxmemory-policy noeviction`.',
  },
  QUEUE_FOREIGN: {
    group: 'batch',
    means: 'Under the name of the queue there are keys that another program wrote. They were not touched.',
    remedy: 'Give a name of your own with `--queue-name`, or another database of that Redis.',
  },
  QUEUE_VERSION: {
    group: 'batch',
    means:
      'The jobs in the queue were put there by another version of text2live, which may train otherwise; pictures of two versions are never mixed.',
    remedy: 'Install that version here, or wait until the queue is empty.',
  },
  QUEUE_JOB_INVALID: {
    group: 'batch',
    means: 'A job in the queue is not of a form that this version reads.',
    remedy: 'Cancel it with `text2live batch cancel`, and submit the list again.',
  },
  STORE_NOT_FOUND: {
    group: 'batch',
    means: 'The folder or the bucket that `--store` names does not exist.',
    remedy: 'Make it, or mount the share. Buckets are not made by themselves.',
  },
  STORE_REFUSED: {
    group: 'batch',
    means: 'The store is there, but may not be read and written with these rights.',
    remedy: 'The message says which right was missing: to list, to read, to write or to delete.',
  },
  STORE_UNREACHABLE: {
    group: 'batch',
    means: 'The store did not do what it was asked, after several attempts with pauses between.',
    remedy: 'Try again later: uploads go on where they stopped. With a service of your own, see `AWS_ENDPOINT_URL`.',
  },
  STORE_DAMAGED: {
    group: 'batch',
    means: 'Bytes that came from the store are not those whose hash was noted when they were written.',
    remedy: 'Remove what the message names and submit the list again: it is made anew.',
  },
  STORE_MISMATCH: {
    group: 'batch',
    means:
      'The jobs of this queue keep their files in another store than the one given, or the store is of another version.',
    remedy: 'Give the store that the batch was submitted with.',
  },
  JOB_CANCELLED: {
    group: 'batch',
    means: 'The job was cancelled, by `text2live batch cancel` or from another machine. What it had reached is kept.',
    remedy: '`text2live batch retry` puts it back; it goes on from its last checkpoint.',
  },
  JOB_STALLED: {
    group: 'batch',
    means: 'Several workers died while they had this job, so it is not given to another one.',
    remedy: "See the workers' own messages (memory is the usual cause), then `text2live batch retry`.",
  },
  ADDRESS_UNAVAILABLE: {
    group: 'server',
    means: 'The server cannot listen at that address or port.',
    remedy: 'Choose another with `--port`, or leave it out.',
  },
  TOKEN_NEEDED: {
    group: 'server',
    means: 'Other machines are to be served, and there is no token, or one that is too short.',
    remedy: 'Draw one with `openssl rand -hex 32 > token` and give it with `--token-file token`.',
  },
  TOKEN_INVALID: {
    group: 'server',
    means: 'A request came without the token, or with a wrong one.',
    remedy: 'Open the whole address that the server printed when it started.',
  },
  REQUEST_REFUSED: {
    group: 'server',
    means: 'A request came from another page, or for another host than the server is.',
    remedy: 'Open the address that the server printed; a program sends its token as a header.',
  },
  REQUEST_INVALID: {
    group: 'server',
    means: 'A request is not what the operation takes.',
    remedy: 'Send it as [the HTTP interface](http.md) shows.',
  },
  REQUEST_TOO_LARGE: {
    group: 'server',
    means: 'A request has more bytes than the server takes.',
    remedy: 'Use smaller pictures, or the command line, which has no such bound.',
  },
  FILE_NOT_FOUND: {
    group: 'server',
    means: 'The run has no such file, or not yet; or nothing is at that address.',
    remedy: 'Ask for the list of its files.',
  },
  SERVER_BUSY: {
    group: 'server',
    means: 'The server does as much as it can at once, or is closing.',
    remedy: 'Try again in a moment; close pages that are not needed.',
  },
  SERVER_UNREACHABLE: {
    group: 'server',
    means: 'The page gets no answer from its server.',
    remedy: 'Start it again with `text2live studio`. Runs that were at work go on.',
  },
  SHAPE_MISMATCH: {
    group: 'inside',
    means: 'Tensors, masks or frames that a program handed over do not have the sizes that belong together.',
    remedy: 'Of a program that uses the library: check the shapes that its documentation names. Else report it.',
  },
  GRAPH_INVALID: {
    group: 'inside',
    means: 'A graph was put together wrongly.',
    remedy: 'Of a program that builds graphs: see the message. Else report it.',
  },
  INTERNAL: {
    group: 'inside',
    means: 'Something went wrong that should not.',
    remedy:
      'Set `TEXT2LIVE_DEBUG=1`, do the same again, and report what is printed, with the output of `text2live doctor`.',
  },
  INTERRUPTED: {
    group: 'inside',
    means: 'The run was stopped before there was anything to keep.',
    remedy: 'Start it again.',
  },
}

/** docs/errors.md. */
export function renderErrorDocs(): string {
  const advice = Object.entries(errorGuide) as [ErrorCode, Advice][]
  const sections = Object.entries(headings).map(([group, heading]) =>
    [
      `## ${heading}`,
      ...advice
        .filter(([, each]) => each.group === group)
        .map(([code, { means, remedy }]) => {
          const { exitStatus } = new Text2LiveError(code, '')
          return `### ${code}\n\n${means}\n\n**What to do:** ${remedy} (Exit status ${exitStatus}.)`
        }),
    ].join('\n\n'),
  )
  return `# Errors

Written by \`node scripts/writeErrorDocs.mjs\` from \`src/errorGuide.ts\`; do not edit by hand.

Every error has a code, which stays the same from version to version, and a message that says what was expected, what came and what to do.
The command prints both on stderr, the library throws a \`Text2LiveError\` with \`code\` and \`message\`, the HTTP interface answers with both as JSON.

The command ends with status 2 where something was given wrongly, 1 where it failed while running, 130 after Ctrl-C (143 SIGTERM, 129 hang-up, 141 nobody reads its output).
With \`TEXT2LIVE_DEBUG=1\` it prints where in the program an error came from.

${sections.join('\n\n')}
`
}
