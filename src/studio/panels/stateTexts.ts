/** What the states of a run are called. */
export const stateTexts = {
  waiting: 'stateWaiting',
  running: 'stateRunning',
  paused: 'statePaused',
  stopped: 'stateStopped',
  finished: 'stateFinished',
  failed: 'stateFailed',
} as const
