// Package trace sends spans to a collector, if one is named by the standard
// variables (OTEL_EXPORTER_OTLP_ENDPOINT and its like). Without one nothing is
// recorded, and nothing is paid for it.
package trace

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Provider makes tracers.
type Provider = trace.TracerProvider

// Name is the instrumentation's name in spans.
const Name = "github.com/openlot/openlot/cloud"

// FromEnv makes a provider that sends spans over OTLP/HTTP, and what sends the
// rest of them at the end. It returns nil without a collector.
func FromEnv(ctx context.Context, getenv func(string) string) (Provider, func(context.Context) error, error) {
	if getenv("OTEL_SDK_DISABLED") == "true" || (getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "") {
		return nil, nil, nil
	}
	to, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reach the collector of traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "openlot")), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("describe this process to the collector of traces: %w", err)
	}
	p := sdk.NewTracerProvider(sdk.WithBatcher(to), sdk.WithResource(about))
	return p, p.Shutdown, nil
}
