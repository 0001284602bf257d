export default {
  files: ["dist/**/test/**/*.test.js"],
  workerThreads: false,
  concurrency: 2,
  timeout: "8m",
  environmentVariables: { NODE_OPTIONS: "" },
};
