// Sends log records to a Splunk HTTP Event Collector with the OpenTelemetry Collector's own exporter.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/splunkhecexporter"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func main() {
	url := flag.String("url", "", "the collector's address, such as http://127.0.0.1:8080/services/collector")
	token := flag.String("token", "", "the collector's token")
	count := flag.Int("count", 100, "how many records")
	flag.Parse()
	if err := send(*url, *token, *count); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func send(url, token string, count int) error {
	ctx := context.Background()
	factory := splunkhecexporter.NewFactory()
	config := factory.CreateDefaultConfig().(*splunkhecexporter.Config)
	config.Endpoint = url
	config.Token = configopaque.String(token)
	config.Index = "main"
	exporter, err := factory.CreateLogs(ctx, exportertest.NewNopSettings(factory.Type()), config)
	if err != nil {
		return err
	}
	if err := exporter.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	if err := exporter.ConsumeLogs(ctx, records(count)); err != nil {
		return err
	}
	return exporter.Shutdown(ctx)
}

func records(count int) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "otel-exporter")
	scope := resource.ScopeLogs().AppendEmpty()
	for n := range count {
		record := scope.LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1789547400, int64(n)*1001)))
		record.SetSeverityText("INFO")
		record.SetSeverityNumber(plog.SeverityNumberInfo)
		record.Body().SetStr(fmt.Sprintf("record %d", n))
		record.Attributes().PutInt("number", int64(n))
		record.SetTraceID(pcommon.TraceID{1, 2, 3, byte(n)})
	}
	return logs
}

