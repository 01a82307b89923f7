package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/metaschema"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// conform offers one of everything.
type conform struct{}

func (conform) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "conform"
}

func (conform) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{
				Optional:   true,
				Validators: []validator.String{stringvalidator.UTF8LengthBetween(1, 20)},
			},
			"rule_a": schema.StringAttribute{Optional: true},
			"rule_b": schema.StringAttribute{Optional: true},
			"rule_c": schema.StringAttribute{Optional: true},
			"script": schema.StringAttribute{Optional: true},
			"token":  schema.StringAttribute{Optional: true, Sensitive: true},
			"labels": schema.MapAttribute{Optional: true, ElementType: types.StringType},
		},
	}
}

func (conform) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	switch scriptOf(req.Config.Raw) {
	case "validate_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "validate_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
}

func (conform) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	switch scriptOf(req.Config.Raw) {
	case "configure_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "configure_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	case "configure_defer":
		resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
	}
}

func (conform) MetaSchema(_ context.Context, _ provider.MetaSchemaRequest, resp *provider.MetaSchemaResponse) {
	resp.Schema = metaschema.Schema{Attributes: map[string]metaschema.Attribute{
		"note":   metaschema.StringAttribute{Optional: true},
		"weight": metaschema.NumberAttribute{Optional: true},
	}}
}

func (conform) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		remembers("blocks", blocks),
		remembers("collections", collections),
		identifies("known", false),
		remembers("keeping", keeping),
		remembers("modelled", modelled),
		remembers("modifiers", modifiers),
		remembers("nested", nested),
		remembers("numbers", numbers),
		remembers("relations", relations),
		identifies("renamed", true),
		func() resource.Resource { return ruled{scripted{memory{"ruled", ruledSchema}}} },
		remembers("scalars", scalars),
		remembers("secrets", secrets),
		remembers("sizes", sizes),
		func() resource.Resource { return spelled{scripted{memory{"spelled", spelledSchema}}} },
		remembers("texts", texts),
		func() resource.Resource { return timed{scripted{memory{"timed", timedSchema}}} },
		func() resource.Resource { return validated{scripted{memory{"validated", validatedSchema}}} },
		func() resource.Resource { return versioned{scripted{memory{"versioned", versionedSchema}}} },
		func() resource.Resource { return memory{"wide", wide} },
	}
}

func (conform) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return lookup{} }}
}

func (conform) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{func() list.ListResource { return knownList{} }}
}

func (conform) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return lease{} }}
}

func (conform) Actions(context.Context) []func() action.Action {
	return []func() action.Action{func() action.Action { return poke{} }}
}

func (conform) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		func() function.Function { return add{} },
		func() function.Function { return checked{} },
		func() function.Function { return describe{} },
		func() function.Function { return join{} },
		func() function.Function { return pick{} },
	}
}

// nothing offers nothing.
type nothing struct{}

func (nothing) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "nothing"
}

func (nothing) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (nothing) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (nothing) Resources(context.Context) []func() resource.Resource { return nil }

func (nothing) DataSources(context.Context) []func() datasource.DataSource { return nil }
