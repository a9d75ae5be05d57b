#!/usr/bin/env bash
# Runs every benchmark (half an hour; with arguments for BenchmarkDotNet, only what they select) and then compares what each allocates with bench/allocations.json.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
[[ $# -gt 0 ]] || set -- --filter '*'

dotnet build bench/Relay.Bench -c Release -v q --nologo
dotnet bench/Relay.Bench/bin/Release/net10.0/Relay.Bench.dll "$@"
# Code of the first compilation tier allocates what later code doesn't.
DOTNET_TieredCompilation=0 dotnet bench/Relay.Bench/bin/Release/net10.0/Relay.Bench.dll allocations
