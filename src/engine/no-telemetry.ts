/**
 * Imported before ONNX Runtime, which from release 1.29 on reports each process and model to its maker on Linux and macOS unless this is set before it is
 * loaded, and writes an identifier of the computer to the folder for temporary files (microsoft/onnxruntime#27379). Its build for browsers never does;
 * that for Windows leaves it to the system's own settings.
 */
process.env.ORT_DISABLE_TELEMETRY = "1";
